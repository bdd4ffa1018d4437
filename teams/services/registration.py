"""Registration: a person becomes a user and opens their first organization.

Whoever registers is signed in at once, so the answer says whether an address is free (`email_taken`): hiding
it would cost every installation without a mail server its registration. It is limited by address, and an
installation that minds closes registration and invites; then nothing is said about any address.
"""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction

from chatboost.core import audit
from chatboost.core.errors import Forbidden, ValidationFailed
from teams.models import Organization, User
from teams.services import addresses, organizations, passwords

INSTALLATION = 0


@transaction.atomic
def register(*, email: str, password: str, name: str = "", organization_name: str = "") -> User:
    """Create a user with an organization of their own, named after the company or else the person.

    Raises: Forbidden (`registration_closed`), ValidationFailed (`email_taken`, `weak_password`).
    """
    if not settings.REGISTRATION_OPEN:
        raise Forbidden("Registration is closed. Ask for an invitation.", code="registration_closed")
    user = create_user(email=email, password=password, name=name)
    note_created(user, actor=user)
    organizations.create(name=organization_name or own_name(user), owner=user, actor=user)
    return user


@transaction.atomic
def create_user(*, email: str, password: str | None, name: str = "", is_email_verified: bool = False) -> User:
    """Create a user; without a password they set one by the reset mail. The caller notes who did it.

    Raises: ValidationFailed (`email_taken`, `weak_password`).
    """
    email = email.strip().lower()
    if addresses.is_taken(email):
        raise _email_taken()
    if password is not None:
        passwords.check_strength(password, user=User(email=email, name=name), field="password")
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, name=name)
    except IntegrityError as error:
        raise _email_taken() from error
    addresses.drop_claims(user.email)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=is_email_verified)
    return user


def note_created(user: User, *, actor: User | None) -> None:
    """Note that a user was created: by themselves, or by the installation."""
    audit.record(actor=actor, verb="user.created", object=user, organization_id=INSTALLATION)


def note_reset_link(user: User) -> None:
    """Note that whoever runs the installation has made a link by which the user sets another password."""
    audit.record(actor=None, verb="user.reset_link_made", object=user, organization_id=INSTALLATION)


@transaction.atomic
def open_organization(*, name: str, email: str, password: str | None = None, slug: str = "") -> Organization:
    """Open an organization for the user with this e-mail, who is created when there is none.

    For whoever runs the installation: the address of a new user counts as verified, and the organization may
    use the installation's Telegram chat.

    Raises: ValidationFailed (`weak_password`, `slug_taken`).
    """
    owner = User.objects.filter(email=email.strip().lower()).first()
    if owner is None:
        owner = create_user(email=email, password=password, is_email_verified=True)
        note_created(owner, actor=None)
    return organizations.create(name=name, owner=owner, slug=slug, uses_installation_chat=True)


def own_name(user: User) -> str:
    """Return how a person's own organization is called while nobody has named it."""
    return (user.name or user.email.split("@")[0])[:120]


def _email_taken() -> ValidationFailed:
    message = "A user is already registered with this e-mail address."
    return ValidationFailed(message, code="email_taken", errors={"email": [message]})
