"""How this room refuses."""

from chatboost.core.errors import Conflict, DomainError, ValidationFailed


class NotNow(Conflict):
    """The state of a batch or an invitation does not allow it.

    Codes: `not_a_draft, not_running, not_paused, already_finished, still_running, nothing_failed, not_failed,
    no_photo, no_conflict, source_disabled, source_refused, no_account, account_refused, standing_invitation,
    template_unusable, in_use, removal_waits`.
    """


class LayoutRefused(ValidationFailed):
    """The document describes no card, or names what is not there; `errors` maps a path to what is wrong."""

    default_code = "invalid_layout"


class AssetRefused(ValidationFailed):
    """The file can't be a picture or a font of a layout. The code is the decoder's."""

    default_code = "invalid_asset"


class SignatureInvalid(DomainError):
    """The delivery is not signed with the source's secret. Nothing of it was read."""

    status = 401
    default_code = "invalid_signature"


class BodyTooLarge(DomainError):
    """More bytes than any delivery has."""

    status = 413
    default_code = "body_too_large"


class BodyMalformed(DomainError):
    """Signed, but no JSON object."""

    default_code = "malformed_body"
