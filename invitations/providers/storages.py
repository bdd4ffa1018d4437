"""The storage of cards that a connected account opens."""

from django.conf import settings

from invitations.providers.base import Storage
from invitations.providers.drive import DriveAccess, GoogleDrive
from teams.services.google_access import Access


def of(access: Access) -> Storage:
    """Return the Drive that an account has lent access to."""
    return GoogleDrive(
        DriveAccess(
            token=access.token,
            api_root=settings.GOOGLE_API_ROOT,
            deadline=settings.VENDOR_DEADLINE,
            shared_drive_id=access.shared_drive_id,
            folder_id=access.folder_id,
        )
    )
