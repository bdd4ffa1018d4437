"""The console's pages of members, of the own organization's end, and those of the installation's staff."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from chatboost.core.models import AuditEntry
from teams import limits
from teams.models import Membership, Organization, OrganizationLimit, User
from teams.roles import Role
from teams.services import api_keys, deletion, organizations
from tests import factories

pytestmark = pytest.mark.django_db


Browser = Callable[[User], Client]


def owner_of(organization: Organization) -> User:
    return Membership.objects.get(organization=organization, role=Role.OWNER).user


def seat(user: User) -> Membership:
    return Membership.objects.get(user=user)


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:teams_{model}_{page}", args=args)


def press(browser: Client, membership: Membership, button: str) -> Any:
    return browser.post(url("membership", "action", membership.pk, button))


def words(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


# Members


def test_colleague_is_added_by_address(
    organization: Organization, other_organization: Organization, browser_of: Browser
) -> None:
    owner = owner_of(organization)
    organizations.add_member(organization=other_organization, user=owner, role=Role.VIEWER)
    colleague = factories.member(other_organization)

    answer = browser_of(owner).post(url("membership", "add"), {"email": colleague.email, "role": "agent"})

    assert answer.status_code == 302
    assert Membership.objects.get(organization=organization, user=colleague).role == Role.AGENT
    assert "is a member now" in words(answer)


def test_stranger_is_not_added_and_the_form_says_why(
    organization: Organization, other_organization: Organization, browser_of: Browser
) -> None:
    stranger = factories.member(other_organization)

    answer = browser_of(owner_of(organization)).post(
        url("membership", "add"), {"email": stranger.email, "role": "agent"}
    )

    assert "Send this person an invite" in answer.content.decode()
    assert Membership.objects.filter(organization=organization).count() == 1


def test_role_is_changed_on_the_members_page(organization: Organization, browser_of: Browser) -> None:
    member = factories.member(organization, Role.VIEWER)
    browser = browser_of(factories.member(organization, Role.ADMIN))
    page = url("membership", "change", seat(member).pk)

    refused = browser.post(page, {"role": "owner"})
    changed = browser.post(page, {"role": "editor"})

    assert "This role is above your own." in refused.content.decode()
    assert changed.status_code == 302
    assert seat(member).role == Role.EDITOR


def test_viewer_sees_members_and_changes_none(organization: Organization, browser_of: Browser) -> None:
    member = factories.member(organization, Role.AGENT)
    browser = browser_of(factories.member(organization, Role.VIEWER))

    assert browser.get(url("membership", "changelist")).status_code == 200
    assert browser.get(url("membership", "add")).status_code == 403
    assert browser.post(url("membership", "change", seat(member).pk), {"role": "admin"}).status_code == 403
    assert press(browser, seat(member), "remove").status_code == 403
    assert seat(member).role == Role.AGENT


def test_member_is_removed_by_a_button(organization: Organization, browser_of: Browser) -> None:
    member = factories.member(organization)

    answer = press(browser_of(owner_of(organization)), seat(member), "remove")

    assert not Membership.objects.filter(user=member).exists()
    assert "API keys that they made keep working" in words(answer)


def test_last_owner_is_told_why_they_stay(organization: Organization, browser_of: Browser) -> None:
    owner = owner_of(organization)

    answer = press(browser_of(owner), seat(owner), "leave")

    assert Membership.objects.filter(user=owner).exists()
    assert "This is the last owner" in words(answer)


def test_member_leaves_by_a_button(organization: Organization, browser_of: Browser) -> None:
    viewer = factories.member(organization, Role.VIEWER)

    press(browser_of(viewer), seat(viewer), "leave")

    assert not Membership.objects.filter(user=viewer).exists()


def test_leaving_on_another_members_row_removes_nobody_else(
    organization: Organization, browser_of: Browser
) -> None:
    viewer, other = factories.member(organization, Role.VIEWER), factories.member(organization, Role.VIEWER)

    press(browser_of(viewer), seat(other), "leave")

    assert Membership.objects.filter(user=other).exists()


def test_organization_is_handed_over_by_a_button(organization: Organization, browser_of: Browser) -> None:
    owner, heir = owner_of(organization), factories.member(organization)

    press(browser_of(owner), seat(heir), "hand_over")

    assert (seat(owner).role, seat(heir).role) == (Role.ADMIN, Role.OWNER)


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        (Role.OWNER, ["Make owner in my place", "Remove"]),
        (Role.ADMIN, ["Remove"]),
        (Role.VIEWER, []),
    ],
)
def test_buttons_are_those_that_make_sense(
    organization: Organization, browser_of: Browser, role: str, shown: list[str]
) -> None:
    visitor, other = factories.member(organization, role), factories.member(organization)
    browser = browser_of(visitor)

    def buttons(of: User) -> list[str]:
        context = browser.get(url("membership", "change", seat(of).pk)).context
        return [action.label for action, _ in context["detail_buttons"]]

    assert buttons(other) == shown
    assert buttons(visitor) == ["Leave the organization"]


def test_members_are_removed_many_at_once(organization: Organization, browser_of: Browser) -> None:
    gone = [factories.member(organization) for _ in range(3)]
    ids = ",".join(str(seat(user).pk) for user in gone)
    data = {"action": "remove_selected", "_selected_action": seat(gone[0]).pk, "select_across": "1"}
    browser = browser_of(owner_of(organization))

    asked = browser.post(url("membership", "changelist"), data)
    browser.post(url("membership", "changelist"), data | {"ids": ids, "confirmed": "1"})

    assert gone[0].get_full_name() in asked.content.decode()
    assert Membership.objects.filter(organization=organization).count() == 1


# The organization's end


def test_owner_deletes_the_organization_by_its_slug(organization: Organization, browser_of: Browser) -> None:
    browser = browser_of(owner_of(organization))
    page = url("organization", "delete", organization.pk)

    asked = browser.get(page)
    wrong = browser.post(page, {"slug": "globex"})
    organization.refresh_from_db()
    assert organization.deleted_at is None
    browser.post(page, {"slug": "acme"})

    organization.refresh_from_db()
    assert "After 7 days" in asked.content.decode()
    assert "This is not the organization&#x27;s slug." in wrong.content.decode()
    assert organization.deleted_at is not None


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_but_owners_reaches_the_end(
    organization: Organization, browser_of: Browser, method: str
) -> None:
    browser = browser_of(factories.member(organization, Role.ADMIN))

    answer = getattr(browser, method)(url("organization", "delete", organization.pk), {"slug": "acme"})

    assert answer.status_code == 403


def test_foreign_organization_has_no_end_here(
    organization: Organization, other_organization: Organization, browser_of: Browser
) -> None:
    answer = browser_of(owner_of(organization)).post(
        url("organization", "delete", other_organization.pk), {"slug": "globex"}
    )

    other_organization.refresh_from_db()
    assert answer.status_code == 404
    assert other_organization.is_active


# The staff's pages


@pytest.fixture
def staff(db: None) -> User:
    return factories.user(is_staff=True)


def test_staff_sees_every_organization_with_its_members(
    organization: Organization, other_organization: Organization, staff: User, browser_of: Browser
) -> None:
    factories.member(organization)
    deletion.delete(organization=other_organization, slug="globex")

    page = browser_of(staff).get(url("hostedorganization", "changelist"))

    rows = {row.slug: (row.member_count, row.is_active) for row in page.context["cl"].result_list}
    assert rows == {"acme": (2, True), "globex": (1, False)}


@pytest.mark.parametrize("page", ["changelist", "change", "action"])
def test_members_have_no_business_on_the_staffs_pages(
    organization: Organization, browser_of: Browser, page: str
) -> None:
    pages: dict[str, list[object]] = {
        "changelist": [],
        "change": [organization.pk],
        "action": [organization.pk, "restore"],
    }

    answer = browser_of(owner_of(organization)).post(url("hostedorganization", page, *pages[page]))

    assert answer.status_code in {403, 404}


def test_staff_restores_a_deleted_organization(
    organization: Organization, staff: User, browser_of: Browser
) -> None:
    deletion.delete(organization=organization, slug="acme")

    answer = browser_of(staff).post(url("hostedorganization", "action", organization.pk, "restore"))

    organization.refresh_from_db()
    assert organization.is_active
    assert "Acme is back" in words(answer)


def test_staff_sets_changes_and_resets_a_limit(
    organization: Organization, staff: User, browser_of: Browser
) -> None:
    browser, page = browser_of(staff), url("hostedorganization", "change", organization.pk)
    prefix = browser.get(page).context["inline_admin_formsets"][0].formset.prefix

    def save(value: str, *, name: str = "flows", pk: object = "", delete: str = "") -> None:
        count = "1" if pk else "0"
        row = {"id": pk, "organization": organization.pk, "name": name, "value": value, "DELETE": delete}
        data: dict[str, Any] = {f"{prefix}-0-{field}": what for field, what in row.items() if what != ""}
        answer = browser.post(page, data | {f"{prefix}-TOTAL_FORMS": "1", f"{prefix}-INITIAL_FORMS": count})
        assert answer.status_code == 302, answer.content.decode()

    save("3")
    row = OrganizationLimit.objects.get()
    assert limits.value_of(organization, "flows") == 3
    save("", pk=row.pk)
    assert limits.value_of(organization, "flows") is None
    save("5", name="bots", pk=row.pk)
    assert (limits.value_of(organization, "flows"), limits.value_of(organization, "bots")) == (250, 5)
    save("5", name="bots", pk=OrganizationLimit.objects.get().pk, delete="on")
    assert not OrganizationLimit.objects.exists()


def test_staff_lets_an_organization_use_the_installations_chat(
    organization: Organization, staff: User, browser_of: Browser
) -> None:
    browser, page = browser_of(staff), url("hostedorganization", "change", organization.pk)
    prefix = browser.get(page).context["inline_admin_formsets"][0].formset.prefix
    form = {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}

    for sent in ({"uses_installation_chat": "on"}, {}):
        assert browser.post(page, form | sent).status_code == 302
        organization.refresh_from_db()
        assert organization.uses_installation_chat == bool(sent)

    entries = AuditEntry.objects.filter(verb="organization.changed", organization_id=organization.pk)
    assert [entry.changes for entry in entries.order_by("id")] == [
        {"uses_installation_chat": [False, True]},
        {"uses_installation_chat": [True, False]},
    ]


def test_owner_does_not_let_themselves_into_the_installations_chat(
    organization: Organization, browser_of: Browser
) -> None:
    page = url("organization", "change", organization.pk)
    form = {
        "name": "Acme",
        "time_zone": "UTC",
        "language": "en",
        "second_step": "optional",
        "uses_installation_chat": "on",
    }

    assert browser_of(owner_of(organization)).post(page, form).status_code == 302

    organization.refresh_from_db()
    assert not organization.uses_installation_chat


def test_staff_deactivates_and_reactivates_a_user(
    organization: Organization, staff: User, browser_of: Browser
) -> None:
    member, browser = factories.member(organization), browser_of(staff)
    theirs = browser_of(member)
    assert theirs.get("/admin/").status_code == 200

    answer = browser.post(url("user", "action", member.pk, "deactivate"))

    assert "signed out everywhere" in words(answer)
    assert theirs.get("/admin/").status_code == 302
    browser.post(url("user", "action", member.pk, "reactivate"))
    member.refresh_from_db()
    assert member.is_active


def test_staff_is_told_of_the_keys_of_whom_they_deactivate(
    organization: Organization, staff: User, browser_of: Browser
) -> None:
    admin, browser = factories.member(organization, Role.ADMIN), browser_of(staff)
    keys = [
        api_keys.create(organization=organization, name=f"k{number}", role=Role.VIEWER, actor=admin)[0]
        for number in range(3)
    ]
    api_keys.revoke(keys[0])

    asked = browser.get(url("user", "change", admin.pk)).content.decode()
    answer = browser.post(url("user", "action", admin.pk, "deactivate"))

    assert "API keys that they made keep working" in asked
    assert "API keys that they made keep working" in words(answer)
    assert "There are 2." in words(answer)


def test_staff_is_told_why_a_last_owner_stays(
    organization: Organization, staff: User, browser_of: Browser
) -> None:
    owner = owner_of(organization)

    answer = browser_of(staff).post(url("user", "action", owner.pk, "deactivate"))

    owner.refresh_from_db()
    assert "last owner of Acme" in words(answer)
    assert owner.is_active


def test_form_of_a_user_can_not_deactivate(
    organization: Organization, staff: User, browser_of: Browser
) -> None:
    owner = owner_of(organization)

    browser_of(staff).post(url("user", "change", owner.pk), {"name": "New", "is_staff": "", "is_active": ""})

    owner.refresh_from_db()
    assert (owner.name, owner.is_active) == ("New", True)
