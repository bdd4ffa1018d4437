"""Invites below the API: who may ask whom in, and what a link is worth."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress

from chatboost.core import clock
from chatboost.core.errors import Conflict, DomainError, ValidationFailed
from chatboost.core.limits import Rate
from chatboost.core.models import AuditEntry, Mail
from teams import limits
from teams.errors import TooManyAttempts
from teams.models import Invite, InviteState, Membership, Organization, User
from teams.principals import ApiKeyPrincipal
from teams.roles import Role
from teams.services import api_keys, deactivation, invites, members, organizations
from tests import factories
from tests.teams.invited import ADDRESS, SECRET, ask, token_in_mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(organization: Organization) -> User:
    return Membership.objects.get(organization=organization, role=Role.OWNER).user


def refusal(call: Any, **arguments: Any) -> str:
    """Return the code of the refusal that a call ends with."""
    with pytest.raises(DomainError) as caught:
        call(**arguments)
    return caught.value.code


def join(token: str, **fields: Any) -> Membership:
    return invites.accept_as_new(key=invites.key_of(token), password=SECRET, name="Ada", **fields)


# Asking


def test_mail_says_who_invites_to_what_until_when(organization: Organization, owner: User) -> None:
    owner.name = "Grace Hopper"
    owner.save()

    ask(organization, actor=owner)

    written = Mail.objects.get()
    assert written.subject == "Grace Hopper invites you to Acme"
    assert "as Editor" in written.text
    assert ADDRESS in written.text
    assert "UTC" in written.text


def test_mail_lies_with_the_installations_own(organization: Organization) -> None:
    ask(organization)

    assert Mail.objects.get().organization_id == 0


def test_names_with_line_ends_stay_in_their_lines(organization: Organization, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(name="Eve\r\nBcc: all@example.com")
    Organization.objects.filter(pk=organization.pk).update(name="Acme\n\nPay now:\u2028evil.example")
    owner.refresh_from_db()
    organization.refresh_from_db()

    ask(organization, actor=owner)

    mail = Mail.objects.get()
    assert "\n" not in mail.subject
    line = "Eve Bcc: all@example.com invites you to work in Acme Pay now: evil.example on ChatBoost"
    assert line in mail.text


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@example.com,b@example.com",
        "a@example.com;b@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\nSubject: x",
        "Ada <a@example.com>",
        "a@example.com b@example.com",
        "a@example.com%0abcc:b@example.com",
        '"a b"@example.com',
        "a@example.com\x00",
        "@example.com",
        "a@",
        "a@exa mple.com",
        "a@@example.com",
        "a\t@example.com",
        "a@example.com\u2028b",
        "a!b@example.com",
        "a@[127.0.0.1",
        "x" * 300 + "@example.com",
    ],
)
def test_address_that_is_not_one_is_refused(organization: Organization, address: str) -> None:
    assert refusal(ask, organization=organization, email=address) == "invalid_address"
    assert not Mail.objects.exists()


def test_token_is_kept_as_a_hash_and_told_nowhere_else(organization: Organization, owner: User) -> None:
    token = ask(organization, actor=owner)

    row = Invite.objects.values().get()
    assert token not in str(row)
    assert row["token_hash"] == invites.key_of(token)
    assert token not in str(list(AuditEntry.objects.values()))
    assert row["token_hash"] not in str(list(AuditEntry.objects.values()))


def test_second_invite_of_an_address_is_refused_whatever_its_case(organization: Organization) -> None:
    ask(organization)

    assert refusal(ask, organization=organization, email="ADA@example.com") == "already_invited"


def test_expired_invite_makes_way_for_a_new_one(organization: Organization) -> None:
    ask(organization)
    Invite.objects.update(expires_at=clock.now())
    old = Invite.objects.get()

    ask(organization)

    assert sorted(invite.state for invite in Invite.objects.all()) == ["pending", "revoked"]
    assert AuditEntry.objects.get(verb="invite.revoked").object_id == str(old.pk)


def test_two_organizations_may_invite_the_same_address(
    organization: Organization, other_organization: Organization
) -> None:
    ask(organization)
    ask(other_organization)

    assert Invite.objects.count() == 2


def test_member_is_not_invited(organization: Organization) -> None:
    member = factories.member(organization)

    assert refusal(ask, organization=organization, email=member.email) == "already_member"


def test_members_proved_second_address_is_a_members(organization: Organization) -> None:
    member = factories.member(organization)
    EmailAddress.objects.create(user=member, email=ADDRESS, verified=True)

    assert refusal(ask, organization=organization) == "already_member"


@pytest.mark.parametrize(
    ("own", "role", "is_allowed"),
    [
        (Role.OWNER, Role.OWNER, True),
        (Role.ADMIN, Role.OWNER, False),
        (Role.ADMIN, Role.ADMIN, True),
        (Role.EDITOR, Role.ADMIN, False),
        (Role.EDITOR, Role.EDITOR, True),
    ],
)
def test_nobody_invites_above_their_own_role(
    organization: Organization, own: str, role: str, is_allowed: bool
) -> None:
    actor = factories.member(organization, own)

    if is_allowed:
        assert ask(organization, role=role, actor=actor)
    else:
        assert refusal(ask, organization=organization, role=role, actor=actor) == "beyond_your_role"


def test_nobody_invites_into_a_foreign_organization(
    organization: Organization, other_organization: Organization
) -> None:
    stranger = factories.member(other_organization, Role.OWNER)

    assert refusal(ask, organization=organization, actor=stranger) == "beyond_your_role"


def test_key_with_few_scopes_gives_no_more_than_them(organization: Organization) -> None:
    key, _ = api_keys.create(
        organization=organization, name="k", role=Role.ADMIN, scopes=["teams.manage_members"]
    )

    code = refusal(ask, organization=organization, role=Role.VIEWER, actor=ApiKeyPrincipal(key))
    assert code == "beyond_your_role"


def test_unknown_role_is_refused(organization: Organization, owner: User) -> None:
    with pytest.raises(ValidationFailed):
        ask(organization, role="emperor", actor=owner)


def test_switched_off_organization_invites_nobody(organization: Organization) -> None:
    Organization.objects.update(is_active=False)

    assert refusal(ask, organization=organization) == "not_found"


def test_mails_to_one_address_are_limited(organization: Organization) -> None:
    token = ask(organization)
    invite = invites.find_by_key(invites.key_of(token))
    for _ in range(4):
        invites.resend(invite=invite)

    with pytest.raises(TooManyAttempts) as caught:
        invites.resend(invite=invite)

    assert caught.value.wait > 60
    # Nor does taking it back and asking anew help.
    invites.revoke(invite=invite)
    assert refusal(ask, organization=organization) == "rate_limited"
    assert Mail.objects.count() == 5


def test_mails_to_one_address_are_limited_whoever_invites(organization: Organization) -> None:
    for _ in range(10):
        ask(factories.organization())

    assert refusal(ask, organization=organization) == "rate_limited"
    assert Mail.objects.filter(to=ADDRESS).count() == 10
    assert ask(organization, email="bob@example.com")


def test_mails_of_one_person_are_limited_in_all_of_their_organizations(
    organization: Organization, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invites, "ACTOR_RATE", Rate(3, timedelta(days=1)))
    for number in range(3):
        ask(factories.organization(owner=owner), email=f"person{number}@example.net", actor=owner)

    assert refusal(ask, organization=organization, actor=owner) == "rate_limited"
    assert Mail.objects.count() == 3
    assert ask(organization, actor=factories.member(organization, Role.ADMIN))


# Sending again, taking back


def test_resend_makes_a_new_link_and_kills_the_old(organization: Organization) -> None:
    old = ask(organization)
    Invite.objects.update(expires_at=clock.now() - timedelta(days=1))

    invites.resend(invite=Invite.objects.get())

    new = token_in_mail()
    assert new != old
    assert refusal(invites.find_by_key, key=invites.key_of(old)) == "invite_not_found"
    assert invites.find_by_key(invites.key_of(new)).state == InviteState.PENDING


def test_revoked_link_is_dead_and_revoking_twice_changes_nothing(organization: Organization) -> None:
    token = ask(organization)

    assert invites.revoke(invite=Invite.objects.get()) is True
    assert invites.revoke(invite=Invite.objects.get()) is False
    assert refusal(invites.find_by_key, key=invites.key_of(token)) == "invite_revoked"
    assert AuditEntry.objects.filter(verb="invite.revoked").count() == 1


def test_accepted_invite_is_closed(organization: Organization) -> None:
    join(ask(organization))
    invite = Invite.objects.get()

    assert refusal(invites.revoke, invite=invite) == "invite_closed"
    assert refusal(invites.resend, invite=invite) == "invite_closed"


def test_admin_leaves_the_owners_invite_of_an_owner_alone(organization: Organization, owner: User) -> None:
    ask(organization, role=Role.OWNER, actor=owner)
    admin = factories.member(organization, Role.ADMIN)

    assert refusal(invites.revoke, invite=Invite.objects.get(), actor=admin) == "beyond_your_role"
    assert refusal(invites.resend, invite=Invite.objects.get(), actor=admin) == "beyond_your_role"


# Joining


def test_new_person_joins_with_the_invites_role_and_a_proved_address(organization: Organization) -> None:
    membership = join(ask(organization, role=Role.AGENT))

    user = membership.user
    assert (user.email, user.name, membership.role) == (ADDRESS, "Ada", Role.AGENT)
    assert user.check_password(SECRET)
    assert EmailAddress.objects.get(user=user).verified
    assert Membership.objects.filter(user=user).count() == 1
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_link_works_once(organization: Organization) -> None:
    token = ask(organization)
    join(token)

    assert refusal(join, token=token) == "invite_used"


def test_link_works_while_registration_is_closed(organization: Organization, settings: Any) -> None:
    settings.REGISTRATION_OPEN = False

    assert join(ask(organization)).organization == organization


def test_link_ends_when_its_time_is_over(organization: Organization) -> None:
    token = ask(organization)
    with clock.frozen(clock.now() + timedelta(days=7)):
        assert refusal(join, token=token) == "invite_expired"


def test_weak_password_uses_nothing_up(organization: Organization) -> None:
    token = ask(organization)
    with pytest.raises(ValidationFailed):
        invites.accept_as_new(key=invites.key_of(token), password="short", name="Ada")

    assert not User.objects.filter(email=ADDRESS).exists()
    assert join(token)


def test_known_address_has_to_sign_in(organization: Organization) -> None:
    factories.user(email=ADDRESS)

    assert refusal(join, token=ask(organization)) == "sign_in_required"


def test_address_that_somebody_only_claims_does_not_stand_in_the_way(organization: Organization) -> None:
    EmailAddress.objects.create(user=factories.user(), email=ADDRESS, verified=False)

    assert join(ask(organization)).user.email == ADDRESS


def test_known_person_joins_signed_in(organization: Organization) -> None:
    user = factories.user(email=ADDRESS)

    membership = invites.accept(key=invites.key_of(ask(organization)), user=user)

    assert (membership.user, membership.role) == (user, Role.EDITOR)
    assert EmailAddress.objects.get(user=user).verified


def test_somebody_else_with_the_link_stays_out(organization: Organization) -> None:
    key = invites.key_of(ask(organization))

    assert refusal(invites.accept, key=key, user=factories.user()) == "wrong_account"
    assert invites.find_by_key(key)


def test_proved_second_address_counts_and_a_claimed_one_does_not(organization: Organization) -> None:
    key = invites.key_of(ask(organization))
    claims, proves = factories.user(), factories.user()
    EmailAddress.objects.create(user=claims, email=ADDRESS, verified=False)
    EmailAddress.objects.create(user=proves, email=ADDRESS, verified=True)

    assert refusal(invites.accept, key=key, user=claims) == "wrong_account"
    assert invites.accept(key=key, user=proves).user == proves


def test_member_in_the_meantime_keeps_the_role(organization: Organization) -> None:
    key = invites.key_of(ask(organization, role=Role.ADMIN))
    user = factories.user(email=ADDRESS)
    organizations.add_member(organization=organization, user=user, role=Role.VIEWER)

    assert invites.accept(key=key, user=user).role == Role.VIEWER
    assert Membership.objects.filter(user=user).count() == 1
    assert Invite.objects.get().state == InviteState.ACCEPTED


def test_deleted_organization_lets_nobody_in(organization: Organization) -> None:
    token = ask(organization)
    Organization.objects.update(is_active=False, deleted_at=clock.now())

    assert refusal(join, token=token) == "invite_not_found"


def test_who_was_removed_does_not_come_back_by_their_own_invite(
    organization: Organization, owner: User
) -> None:
    admin = factories.member(organization, Role.ADMIN)
    token = ask(organization, actor=admin)
    seat = Membership.objects.get(user=admin)
    members.remove(membership=seat, actor=owner)

    assert refusal(join, token=token) == "invite_revoked"


def test_sender_who_lost_the_role_or_the_account_gives_it_no_more(organization: Organization) -> None:
    demoted, deactivated = (factories.member(organization, Role.ADMIN) for _ in range(2))
    first = ask(organization, email="a@example.com", role=Role.ADMIN, actor=demoted)
    second = ask(organization, email="b@example.com", actor=deactivated)
    members.change_role(membership=Membership.objects.get(user=demoted), role=Role.EDITOR)
    deactivation.deactivate(user=deactivated)

    assert [refusal(invites.find_by_key, key=invites.key_of(token)) for token in (first, second)] == [
        "invite_revoked"
    ] * 2


def test_key_that_was_revoked_or_has_expired_lets_nobody_in(organization: Organization) -> None:
    soon = clock.now() + timedelta(hours=1)
    revoked, expired, live = (
        api_keys.create(organization=organization, name="k", role=Role.ADMIN, expires_at=at)[0]
        for at in (None, soon, None)
    )
    first, second, third = (
        ask(organization, email=f"{number}@example.com", actor=ApiKeyPrincipal(key))
        for number, key in enumerate((revoked, expired, live))
    )
    api_keys.revoke(revoked)

    with clock.frozen(soon):
        assert refusal(join, token=first) == "invite_revoked"
        assert refusal(join, token=second) == "invite_revoked"
        assert join(third)
        assert [invites.is_awaited(f"{number}@example.com") for number in range(2)] == [False, False]


def test_another_admin_revives_it_by_sending_it_again(organization: Organization, owner: User) -> None:
    admin = factories.member(organization, Role.ADMIN)
    ask(organization, actor=admin)
    members.remove(membership=Membership.objects.get(user=admin), actor=owner)

    invites.resend(invite=Invite.objects.get(), actor=owner)

    assert join(token_in_mail())


def test_everything_is_in_the_audit_log(organization: Organization, owner: User) -> None:
    ask(organization, actor=owner)
    invites.resend(invite=Invite.objects.get(), actor=owner)
    membership = join(token_in_mail())

    entries = AuditEntry.objects.filter(verb__startswith="invite.").order_by("id")
    assert [(entry.verb, entry.actor_id) for entry in entries] == [
        ("invite.created", owner.pk),
        ("invite.resent", owner.pk),
        ("invite.accepted", membership.user_id),
    ]
    assert {entry.organization_id for entry in entries} == {organization.pk}


def test_limit_of_members_counts_who_is_invited(organization: Organization) -> None:
    limits.set_value(organization=organization, name="members", value=2, actor=None)
    ask(organization)

    with pytest.raises(Conflict) as caught:
        ask(organization, email="b@example.com")
    assert caught.value.code == "limit_reached"
    assert join(token_in_mail())
