"""The demo's request: twenty drawn pictures, where the demo serves them."""

import io
from datetime import datetime

from django.conf import settings

from compression import demo_pictures
from compression.models import CompressionRequest
from compression.services import requests
from teams.models import Membership, Organization
from teams.roles import Role

FILE_NAME = "pictures.csv"


def seed(organization: Organization, now: datetime) -> None:
    """Hand the table of the demo's pictures in, once. Without the setting there are no such pictures."""
    mine = CompressionRequest.objects.for_organization(organization)
    if not settings.COMPRESSION_DEMO_PICTURES or mine.exists():
        return
    owner = Membership.objects.for_organization(organization).filter(role=Role.OWNER).earliest("id").user
    requests.create(
        organization=organization,
        email=owner.email,
        file=io.BytesIO(demo_pictures.table().encode()),
        file_name=FILE_NAME,
        actor=owner,
    )
