"""The Mautic adapter against a Mautic on this machine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chatboost.core import clock
from invitations.providers import base
from tests.fakes.faults import Fault, Rule
from tests.fakes.mautic import PASSWORD, MauticFake
from tests.invitations.mautics import account, everybody, oauth, source

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
LINK = "https://drive.example.com/card/1"


@pytest.fixture
def mautic() -> Iterator[MauticFake]:
    with MauticFake() as fake:
        yield fake
        assert fake.violations == []


def test_check_lists_fields_forms_and_segments(mautic: MauticFake) -> None:
    mautic.rows.forms[7] = "Registration"
    mautic.rows.segments["vip"] = set()
    checked = source(mautic).check()

    assert checked.account == f"{mautic.authority}, Mautic 4.4.12"
    assert base.Field("invitation_link", "Invitation link") in checked.fields
    assert set(checked.audiences) == {
        base.Audience("form", "7", "Registration"),
        base.Audience("segment", "vip", "Vip"),
    }
    assert checked.problems == []


def test_check_names_fields_and_audiences_that_are_not_there(mautic: MauticFake) -> None:
    mautic.rows.forms[7] = "Registration"
    checked = source(mautic, audience="form", audience_id="8", link_field="card").check()

    assert checked.problems == ["Contacts have no field “card”.", "There is no form “8”."]


def test_check_tells_what_the_user_may_not_list(mautic: MauticFake) -> None:
    mautic.play(Rule(fault=Fault.ERROR, match={"kind": "forms"}, status=403, message="Kein Zugriff."))

    assert source(mautic).check().problems == ["Mautic’s user may not list forms."]


@pytest.mark.parametrize("where", [True, False])
@pytest.mark.parametrize("with_all", [True, False])
@pytest.mark.parametrize("text_ids", [True, False])
def test_page_goes_through_all_contacts(
    mautic: MauticFake, where: bool, with_all: bool, text_ids: bool
) -> None:
    ids = mautic.people(230)
    mautic.rows.add({}, is_anonymous=True)
    mautic.behave(where=where, all=with_all, ids=text_ids)
    people = everybody(source(mautic))

    assert [person.external_id for person in people] == [str(pk) for pk in ids]
    assert people[3].values["email"] == "guest4@people.example"
    assert people[3].values["invitation_link"] == ""


def test_page_of_nobody_is_the_end(mautic: MauticFake) -> None:
    assert source(mautic).page("", None) == base.Page([], "")


def test_page_of_a_segment_holds_its_contacts(mautic: MauticFake) -> None:
    ids = mautic.people(5)
    mautic.rows.segments["vip-guests"] = {ids[1], ids[4]}
    people = everybody(source(mautic, audience="segment", audience_id="vip-guests"))

    assert [person.external_id for person in people] == [str(ids[1]), str(ids[4])]


def test_page_of_a_form_completes_what_submissions_lack(mautic: MauticFake) -> None:
    ids = mautic.people(45, photo="https://photos.example.com/1.jpg")
    mautic.rows.contacts[ids[2]].values["invitation_link"] = LINK
    for pk in ids:
        mautic.rows.submit(3, pk, {"size": "XL", "email": "other@people.example"})
    mautic.rows.submit(3, None, {"email": "nobody@people.example"})
    mautic.rows.delete(ids[7])
    people = everybody(source(mautic, audience="form", audience_id="3"))

    assert [person.external_id for person in people] == [str(pk) for pk in ids if pk != ids[7]]
    assert people[2].values["invitation_link"] == LINK
    assert people[0].values | {"size": "XL", "email": "guest1@people.example"} == people[0].values


def test_page_of_a_form_asks_no_contact_when_submissions_are_whole(mautic: MauticFake) -> None:
    mautic.behave(lead=True)
    for pk in mautic.people(3):
        mautic.rows.submit(3, pk, {})
    everybody(source(mautic, audience="form", audience_id="3"))

    assert {call["kind"] for call in mautic.attempts} == {"submissions"}


def test_page_of_a_form_hands_back_what_it_has_when_it_has_to_wait(mautic: MauticFake) -> None:
    ids = mautic.people(6)
    for pk in ids:
        mautic.rows.submit(3, pk, {})
    busy = {"kind": "contact", "contact": str(ids[3])}
    mautic.play(Rule(fault=Fault.ERROR, match=busy, status=429, retry_after="7", times=1))
    adapter = source(mautic, audience="form", audience_id="3")
    first = adapter.page("", None)
    rest = adapter.page(first.next, None)

    assert [person.external_id for person in first.people] == [str(pk) for pk in ids[:3]]
    assert [person.external_id for person in rest.people] == [str(pk) for pk in ids[3:]]


@pytest.mark.parametrize("audience", ["all", "form"])
def test_storm_of_429_ends_with_everybody_once(mautic: MauticFake, audience: str) -> None:
    ids = mautic.people(60)
    for pk in ids:
        mautic.rows.submit(3, pk, {})
    mautic.play(Rule(fault=Fault.ERROR, status=429, retry_after="0", probability=0.6), seed=7)
    adapter = source(mautic, audience=audience, audience_id="3" if audience == "form" else "")
    people: list[base.Person] = []
    cursor, refused = "", 0
    while refused < 2000:
        try:
            page = adapter.page(cursor, None)
        except base.RateLimited:
            refused += 1
            continue
        people += page.people
        cursor = page.next
        if not cursor:
            break

    assert [person.external_id for person in people] == [str(pk) for pk in ids]


def test_page_of_who_sent_a_form_in_twice_has_them_once(mautic: MauticFake) -> None:
    (pk,) = mautic.people(1)
    mautic.rows.submit(3, pk, {"size": "S"})
    mautic.rows.submit(3, pk, {"size": "XL"})
    people = everybody(source(mautic, audience="form", audience_id="3"))

    assert [person.values["size"] for person in people] == ["XL"]


@pytest.mark.parametrize("where", [True, False])
def test_page_since_holds_who_was_added_changed_or_identified(where: bool) -> None:
    now = NOW - timedelta(days=30)
    with MauticFake(now=lambda: now) as mautic:
        ids = mautic.people(120)
        visitor = mautic.rows.add({}, is_anonymous=True)
        now = NOW
        for pk in (ids[5], ids[110]):
            mautic.rows.edit(pk, {"lastname": "Changed"})
        mautic.rows.contacts[visitor].identified = NOW
        mautic.rows.contacts[visitor].is_anonymous = False
        added = mautic.people(2)
        mautic.rows.edit(added[0], {"lastname": "Changed"})
        mautic.behave(where=where)
        people = everybody(source(mautic), NOW - timedelta(seconds=1))

    assert sorted(int(person.external_id) for person in people) == sorted([ids[5], ids[110], visitor, *added])


def test_since_of_a_form_is_when_it_was_sent_in() -> None:
    now = NOW - timedelta(days=30)
    with MauticFake(now=lambda: now) as mautic:
        old, new = mautic.people(2)
        mautic.rows.submit(3, old, {})
        now = NOW
        mautic.rows.submit(3, new, {})
        people = everybody(source(mautic, audience="form", audience_id="3"), NOW)

    assert [person.external_id for person in people] == [str(new)]


def test_contacts_without_content_are_a_bad_response(mautic: MauticFake) -> None:
    (pk,) = mautic.people(1)
    mautic.behave(empty=True)
    adapter = source(mautic)
    for call in (
        lambda: adapter.page("", None),
        lambda: adapter.person(str(pk)),
        lambda: adapter.read_link(str(pk), "invitation_link"),
    ):
        with pytest.raises(base.BadResponse):
            call()
    assert mautic.effects == []


def test_write_link_sets_one_field_and_may_be_repeated(mautic: MauticFake) -> None:
    (pk,) = mautic.people(1)
    adapter = source(mautic)
    for _ in range(2):
        adapter.write_link(str(pk), "invitation_link", LINK)

    assert adapter.read_link(str(pk), "invitation_link") == LINK
    assert [effect["fields"] for effect in mautic.effects] == [{"invitation_link": LINK}] * 2
    assert mautic.rows.contacts[pk].values["firstname"] == "Guest 1"


def test_write_link_of_nothing_clears_the_field(mautic: MauticFake) -> None:
    (pk,) = mautic.people(1, invitation_link=LINK)
    adapter = source(mautic)
    adapter.write_link(str(pk), "invitation_link", "")

    assert adapter.read_link(str(pk), "invitation_link") == ""


@pytest.mark.parametrize("external_id", ["99", "0", "-1", "1/edit", "../forms/1", "", "٣"])
def test_contact_that_is_not_there_is_gone(mautic: MauticFake, external_id: str) -> None:
    adapter = source(mautic)
    for call in (
        lambda: adapter.person(external_id),
        lambda: adapter.write_link(external_id, "invitation_link", LINK),
    ):
        with pytest.raises(base.Gone):
            call()


def test_field_that_is_not_there_is_invalid(mautic: MauticFake) -> None:
    (pk,) = mautic.people(1)
    with pytest.raises(base.Invalid) as caught:
        source(mautic).read_link(str(pk), "card_link")

    assert caught.value.code == "no_such_field"


@pytest.mark.parametrize("fault", [Fault.ACCEPT_THEN_HANG, Fault.ACCEPT_THEN_500, Fault.ACCEPT_THEN_RESET])
def test_write_whose_answer_is_lost_is_unclear(mautic: MauticFake, fault: Fault) -> None:
    (pk,) = mautic.people(1)
    mautic.play(Rule(fault=fault, match={"kind": "edit"}, times=1, seconds=5))
    adapter = source(mautic, account=account(mautic.url, deadline=timedelta(seconds=0.5)))
    with pytest.raises(base.Unclear):
        adapter.write_link(str(pk), "invitation_link", LINK)

    assert adapter.read_link(str(pk), "invitation_link") == LINK


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", '{"contact": []}', "<html>", '{"contact": {"id"'])
def test_write_whose_answer_says_nothing_is_unclear(mautic: MauticFake, body: str) -> None:
    (pk,) = mautic.people(1)
    mautic.play(Rule(fault=Fault.ACCEPT_THEN_ANSWER, match={"kind": "edit"}, status=200, body=body))
    with pytest.raises(base.Unclear):
        source(mautic).write_link(str(pk), "invitation_link", LINK)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, "7", 7),
        (429, "Sun, 29 Nov 2020 12:00:30 GMT", 0),
        (429, None, None),
        (503, "9", 9),
        (500, "9", 9),
        (429, "99999999", 86400),
        (429, "soon", None),
    ],
)
def test_being_told_to_wait_is_rate_limited(
    mautic: MauticFake, status: int, retry_after: str | None, seconds: int | None
) -> None:
    mautic.play(Rule(fault=Fault.ERROR, status=status, retry_after=retry_after))
    with pytest.raises(base.RateLimited) as caught:
        source(mautic).page("", None)

    expected = None if seconds is None else timedelta(seconds=seconds)
    assert caught.value.retry_after == expected


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (500, "<html>", base.Transient, "server_error"),
        (502, "", base.Transient, "server_error"),
        (408, "{}", base.Transient, "server_error"),
        (301, "", base.BadResponse, "redirected"),
        (403, "<html>Blocked", base.BadResponse, "not_mautic"),
        (404, "<html>", base.BadResponse, "not_mautic"),
        (200, "<html>Sign in", base.BadResponse, "not_json"),
        (200, "{}", base.BadResponse, "bad_list"),
        (200, "[]", base.BadResponse, "bad_list"),
        (200, '"hello"', base.BadResponse, "not_mautic"),
        (400, '{"errors":[{"message":"Ungültig","code":400,"type":null}]}', base.Invalid, "invalid"),
        (400, "{}", base.Invalid, "invalid"),
        (403, '{"error":{"message":"Pas d’accès.","code":403}}', base.AuthFailed, "permission_denied"),
        (
            200,
            '{"errors":[{"message":"Zugriff verweigert","code":403}]}',
            base.AuthFailed,
            "permission_denied",
        ),
        (401, "<html>", base.AuthFailed, "access_denied"),
        (401, '{"error":"access_denied"}', base.AuthFailed, "access_denied"),
    ],
)
def test_error_of_a_list_is_told_apart(
    mautic: MauticFake, status: int, body: str, kind: type[base.ProviderError], code: str
) -> None:
    mautic.play(Rule(fault=Fault.ANSWER, status=status, body=body))
    with pytest.raises(kind) as caught:
        source(mautic).page("", None)

    assert caught.value.code == code


def test_refusal_of_one_contact_is_not_about_the_credentials(mautic: MauticFake) -> None:
    mautic.play(Rule(fault=Fault.ERROR, match={"kind": "edit"}, status=403, message="Kein Zugriff."))
    with pytest.raises(base.Invalid) as caught:
        source(mautic).write_link("1", "invitation_link", LINK)

    assert (caught.value.code, caught.value.message) == (
        "permission_denied",
        "Mautic’s user may not: Kein Zugriff.",
    )


def test_api_that_is_off_says_so(mautic: MauticFake) -> None:
    mautic.behave(api=False)
    with pytest.raises(base.AuthFailed) as caught:
        source(mautic).check()

    assert caught.value.code == "api_disabled"


def test_basic_sign_in_that_is_off_fails_with_a_hint(mautic: MauticFake) -> None:
    mautic.behave(basic=False)
    with pytest.raises(base.AuthFailed, match="basic authentication"):
        source(mautic).check()


def test_error_never_repeats_a_secret(mautic: MauticFake) -> None:
    mautic.play(Rule(fault=Fault.ERROR, status=401, message=f"wrong password {PASSWORD}"))
    adapter = source(mautic)
    with pytest.raises(base.AuthFailed) as caught:
        adapter.check()

    assert PASSWORD not in caught.value.message
    assert PASSWORD not in repr(account(mautic.url))


def test_token_is_got_kept_and_used_again(mautic: MauticFake) -> None:
    mautic.people(1)
    adapter = source(mautic, account=oauth(mautic.url))
    adapter.page("", None)
    adapter.page("", None)
    token = adapter.renewed
    again = source(mautic, account=oauth(mautic.url, token))
    again.page("", None)

    assert again.renewed is None
    assert [call["kind"] for call in mautic.attempts] == ["token", "contacts", "contacts", "contacts"]
    assert token is not None
    assert token.value not in repr(token)


def test_token_that_is_about_to_end_is_not_used(mautic: MauticFake) -> None:
    old = base.Token("token-old", clock.now() + timedelta(seconds=30))
    source(mautic, account=oauth(mautic.url, old)).page("", None)

    assert [call["kind"] for call in mautic.attempts] == ["token", "contacts"]


def test_token_that_is_refused_is_replaced_once(mautic: MauticFake) -> None:
    (pk,) = mautic.people(1)
    adapter = source(mautic, account=oauth(mautic.url))
    adapter.page("", None)
    mautic.revoke()
    adapter.write_link(str(pk), "invitation_link", LINK)

    assert [call["answer"] for call in mautic.attempts if call["kind"] == "edit"] == [401, 200]
    assert len(mautic.effects) == 1


def test_new_token_that_is_refused_too_fails(mautic: MauticFake) -> None:
    mautic.play(Rule(fault=Fault.ERROR, match={"kind": "contacts"}, status=401))
    with pytest.raises(base.AuthFailed):
        source(mautic, account=oauth(mautic.url)).page("", None)

    assert [call["kind"] for call in mautic.attempts] == ["token", "contacts", "token", "contacts"]


def test_client_that_is_not_known_fails(mautic: MauticFake) -> None:
    mautic.is_client_known = False
    with pytest.raises(base.AuthFailed) as caught:
        source(mautic, account=oauth(mautic.url)).page("", None)

    assert caught.value.code == "invalid_client"


@pytest.mark.parametrize(("status", "body"), [(404, "{}"), (400, "<html>"), (401, ""), (422, "{}")])
def test_place_for_tokens_that_is_not_there_says_nothing_of_a_contact(
    mautic: MauticFake, status: int, body: str
) -> None:
    mautic.play(Rule(fault=Fault.ANSWER, match={"kind": "token"}, status=status, body=body))
    with pytest.raises(base.ProviderError) as caught:
        source(mautic, account=oauth(mautic.url)).write_link("1", "invitation_link", LINK)

    assert isinstance(caught.value, base.BadResponse | base.AuthFailed)


@pytest.mark.parametrize("body", ["{}", '{"access_token": 7}', '{"access_token": "a\\nb"}', "<html>", "[]"])
def test_answer_without_a_token_is_a_bad_response(mautic: MauticFake, body: str) -> None:
    mautic.play(Rule(fault=Fault.ANSWER, match={"kind": "token"}, status=200, body=body))
    with pytest.raises(base.BadResponse):
        source(mautic, account=oauth(mautic.url)).page("", None)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://crm.example.com", "https_required"),
        ("https://127.0.0.1", "url_address_refused"),
        ("https://[::1]", "url_address_refused"),
        ("https://169.254.169.254", "url_address_refused"),
        ("https://0x7f.1", "url_host_refused"),
        ("https://localhost", "url_host_refused"),
        ("https://crm.example.com:6379", "url_port_refused"),
        ("https://user:word@crm.example.com", "url_credentials_refused"),
        ("file:///etc/passwd", "url_scheme_refused"),
    ],
)
def test_address_that_must_not_be_called_is_invalid(address: str, code: str) -> None:
    with pytest.raises(base.Invalid) as caught:
        source(MauticFake(), account=account(address, private_hosts=frozenset())).page("", None)

    assert caught.value.code == code


def test_redirect_is_not_followed_with_the_credentials(mautic: MauticFake) -> None:
    with MauticFake() as other:
        mautic.play(Rule(fault=Fault.ANSWER, status=302, body=""))
        with pytest.raises(base.BadResponse):
            source(mautic).page("", None)

        assert other.attempts == []


def test_answer_that_trickles_ends_at_the_deadline(mautic: MauticFake) -> None:
    mautic.people(3)
    mautic.play(Rule(fault=Fault.TRICKLE, seconds=0.05))
    with pytest.raises(base.Transient):
        source(mautic, account=account(mautic.url, deadline=timedelta(seconds=0.5))).page("", None)


def test_server_that_is_not_there_is_transient() -> None:
    with MauticFake() as fake:
        adapter = source(fake)
    with pytest.raises(base.Transient) as caught:
        adapter.write_link("1", "invitation_link", LINK)

    assert caught.value.code == "not_reached"


@pytest.mark.parametrize("cursor", ["x", "k:1", "o:0:1:2:3:4", "k:0:-1:0:0", "k:0:1:1:99999", "k:0:١:1:1"])
def test_cursor_of_somebody_else_is_invalid(mautic: MauticFake, cursor: str) -> None:
    with pytest.raises(base.Invalid) as caught:
        source(mautic).page(cursor, None)

    assert caught.value.code == "bad_cursor"
