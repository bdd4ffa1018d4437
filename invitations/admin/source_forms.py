"""The form of a source: only what its kind needs, and secrets that are entered and never shown."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django import forms
from unfold import widgets

from chatboost.core.admin.forms import OrganizationForm, SecretField
from invitations.choices import AudienceKind, AuthKind, LuckyMode, SourceKind, StorageKind
from invitations.models import InvitationSource
from invitations.providers import AUDIENCES
from invitations.services import sources

# The columns can't be edited, so that no form shows them by accident: these fields stand in for them.
SECRET_FIELDS: Final = {
    "password": "new_password",
    "client_secret": "new_client_secret",
}
CONNECTION: Final = ("base_url", "auth", "username", "new_password", "client_id", "new_client_secret")
AUDIENCE: Final = ("audience", "audience_id")
MAPPING: Final = ("name_fields", "email_field", "photo_field", "lucky_field", "link_field")
NEWCOMERS: Final = ("is_polled", "poll_minutes")
PLAN: Final = (
    "layout",
    "storage",
    "account",
    "lucky_mode",
    "lucky_first",
    "lucky_last",
    "lucky_digits",
    "notices",
)

# What is asked once there is a source.
LATER: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("What their fields mean", MAPPING),
    ("New contacts", NEWCOMERS),
    ("Cards of its batches", PLAN),
)

_MAUTIC: Final = (SourceKind.MAUTIC,)
# Whose contacts can be chosen from, and where new ones come in.
_CHOSEN: Final = tuple(kind for kind in SourceKind if len(AUDIENCES[kind]) > 1)
_LOOKED_AT: Final = (SourceKind.MAUTIC, SourceKind.SANDBOX, SourceKind.CONTACTS)
_COUNTED: Final = (LuckyMode.SEQUENTIAL, LuckyMode.RANDOM)
# What a field is for: it is shown where each of these has one of the values.
NEEDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "base_url": {"kind": _MAUTIC},
    "auth": {"kind": _MAUTIC},
    "username": {"kind": _MAUTIC, "auth": (AuthKind.BASIC,)},
    "new_password": {"kind": _MAUTIC, "auth": (AuthKind.BASIC,)},
    "client_id": {"kind": _MAUTIC, "auth": (AuthKind.OAUTH2,)},
    "new_client_secret": {"kind": _MAUTIC, "auth": (AuthKind.OAUTH2,)},
    "audience": {"kind": _CHOSEN},
    "audience_id": {
        "kind": _CHOSEN,
        "audience": (AudienceKind.FORM, AudienceKind.SEGMENT, AudienceKind.ATTRIBUTE),
    },
    "is_polled": {"kind": _LOOKED_AT},
    "poll_minutes": {"kind": _LOOKED_AT},
    "account": {"storage": (StorageKind.DRIVE,)},
    "lucky_field": {"lucky_mode": (LuckyMode.FIELD,)},
    "lucky_first": {"lucky_mode": _COUNTED},
    "lucky_last": {"lucky_mode": _COUNTED},
    "lucky_digits": {"lucky_mode": _COUNTED},
}


def is_for(kind: str, field: str) -> bool:
    """Tell whether a source of this kind has the field."""
    kinds = NEEDS.get(field, {}).get("kind")
    return kinds is None or kind in kinds


def needs() -> str:
    """Return what each field is for, as the page's script reads it."""
    return json.dumps(NEEDS)


class FileForm(forms.Form):
    """The table of a file source."""

    file = forms.FileField(
        label="Table",
        widget=widgets.UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text="CSV or Excel (.xlsx), with the columns’ names in the first row.",
    )


class SourceForm(OrganizationForm):
    """A source; a secret left empty stays as it is."""

    is_saved_by_service = True
    error_fields: ClassVar[Mapping[str, str]] = SECRET_FIELDS

    base_url = forms.URLField(
        label="Address",
        required=False,
        max_length=500,
        assume_scheme="https",
        # The theme's own repeats the address as a link.
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"inputmode": "url"}),
        help_text="Of Mautic, such as https://crm.example.com",
    )
    new_password = SecretField(label="Password")
    new_client_secret = SecretField(label="Client secret")

    class Meta:
        model = InvitationSource
        fields = (
            "name",
            "kind",
            "is_enabled",
            *(name for name in CONNECTION if not name.startswith("new_")),
            *AUDIENCE,
            *MAPPING,
            "is_polled",
            "poll_minutes",
            "layout",
            "storage",
            "account",
            "lucky_mode",
            "lucky_first",
            "lucky_last",
            "lucky_digits",
            "notices",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in SECRET_FIELDS.items():
            if field in self.fields and self.instance.pk:
                is_set = bool(getattr(self.instance, name))
                self.fields[field].help_text = SecretField(is_set=is_set).help_text
        if "audience" in self.fields and self.instance.pk:
            meant = [each for each in AudienceKind if each in AUDIENCES[self.instance.kind]]
            self.fields["audience"].choices = [(each.value, each.label) for each in meant]  # type: ignore[attr-defined]

    def changes(self) -> dict[str, Any]:
        """Return what the service is to be told: no kind, and no secret that was left empty."""
        told = {name: value for name, value in self.cleaned_data.items() if name in sources.WRITABLE}
        for name, field in SECRET_FIELDS.items():
            if self.cleaned_data.get(field):
                told[name] = self.cleaned_data[field]
        return told
