"""App configuration."""

from typing import Any

from django.apps import AppConfig, apps

from chatboost.core import live


class InvitationsConfig(AppConfig):
    """Invitations."""

    name = "invitations"
    label = "invitations"
    verbose_name = "Invitations"

    def ready(self) -> None:
        """Let people follow a batch live."""
        live.register_topic("invitation_batch", _is_batch_of, permission="invitations.view_invitationbatch")


def _is_batch_of(organization: Any, number: int) -> bool:
    """Tell whether the batch is the organization's."""
    batches = apps.get_model("invitations", "InvitationBatch")._default_manager
    return batches.filter(pk=number, organization=organization).exists()
