"""The browsable API: a signed-in browser sees each list with a form, and the form works."""

import re
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from chatboost.messaging.models import Bot, Channel, Contact
from chatboost.messaging.services import bots
from flows.models import Flow
from teams.models import Organization
from teams.roles import Role
from tests import factories
from triggers.models import Trigger

pytestmark = pytest.mark.django_db

PAGE = {"Accept": "text/html"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def browser(organization: Organization) -> Client:
    """Return a signed-in browser that has to prove where its forms come from."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.member(organization, Role.ADMIN), factories.SIGN_IN)
    return client


def submit(browser: Client, path: str, **fields: object) -> int:
    """Fill the form of a page in and send it as a browser does: as multipart."""
    page = browser.get(path, headers=PAGE)
    assert page.status_code == 200
    assert b'id="post-object-form"' in page.content
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.content)
    assert token is not None
    answer = browser.post(path, {"csrfmiddlewaretoken": token[1].decode(), **fields}, headers=PAGE)
    assert answer["Content-Type"].startswith("text/html")
    return answer.status_code


def test_form_makes_a_row(browser: Client) -> None:
    assert submit(browser, "/bots/", name="Shop", description="", is_active="true") == 201
    assert Bot.objects.get().name == "Shop"


def test_form_takes_lists_and_objects_as_json(browser: Client, organization: Organization) -> None:
    bot = factories.bot(organization)
    flow = Flow.objects.create(organization=organization, bot=bot, name="Flow")
    trigger = {"name": "Hi", "bot_id": bot.pk, "flow_id": flow.pk, "trigger_type": "keyword", "priority": 0}
    contact = {"phone": "1234567890", "attributes": '[{"key": "age", "value": "25", "value_type": "number"}]'}

    assert submit(browser, "/triggers/", keywords='["hi", "hello"]', match_type="exact", **trigger) == 201
    assert submit(browser, "/contacts/", **contact) == 201

    assert Trigger.objects.get().keywords == ["hi", "hello"]
    assert Contact.objects.get().attributes.get().value == 25


@pytest.mark.parametrize("text", ["hi", "[1", '["\\u0000"]', "[NaN]", "{}", "[1]", "[" * 40 + "]" * 40])
def test_form_with_bad_json_in_it_is_refused(browser: Client, organization: Organization, text: str) -> None:
    assert submit(browser, "/triggers/", name="Hi", keywords=text) == 400


@pytest.mark.parametrize("text", ["0", "1", "yes", "null"])
def test_form_with_a_guess_at_a_truth_is_refused(api: APIClient, text: str) -> None:
    answer = api.post("/bots/", {"name": "Shop", "is_active": text}, format="multipart")

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["is_active"])


def test_form_without_its_token_is_refused(browser: Client) -> None:
    assert browser.post("/bots/", {"name": "Shop"}).status_code == 403
    assert not Bot.objects.exists()


def test_form_that_leaves_a_secret_empty_keeps_it(api: APIClient, organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100", access_token="secret")
    form = {"name": "Other", "whatsapp_access_token": "", "whatsapp_phone_number_id": "100"}

    assert api.put(f"/bots/{bot.pk}", form, format="multipart").status_code == 200

    assert Channel.objects.get(external_id="100").access_token == "secret"
    assert Bot.objects.get().name == "Other"


BAD: dict[str, tuple[str, bytes]] = {
    "NUL": (FORM, b"name=a%00b"),
    "NUL in a name": (FORM, b"na%00me=a"),
    "no UTF-8": (FORM, b"name=%ff"),
    "half a surrogate pair": (FORM, b"name=%ED%A0%80"),
    "too many fields": (FORM, b"&".join(b"a%d=1" % number for number in range(2001))),
    "no boundary": ("multipart/form-data", b"name=a"),
    "nothing behind the boundary": ("multipart/form-data; boundary=x", b"--x\r\n"),
}


@pytest.mark.parametrize("name", BAD)
def test_form_that_is_malformed_is_refused(api: APIClient, name: str) -> None:
    content_type, body = BAD[name]

    answer = api.generic("POST", "/bots/", body, content_type=content_type)

    assert answer.status_code == 400
    assert not Bot.objects.exists()


def test_form_brings_no_files(api: APIClient) -> None:
    form = {"name": "Shop", "description": SimpleUploadedFile("words.txt", b"x" * 100)}

    answer = api.post("/bots/", form, format="multipart")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


def test_form_beyond_the_limit_is_a_413(api: APIClient) -> None:
    form = {"name": "Shop", "description": "x" * 2 * 1024 * 1024}

    assert api.post("/bots/", form, format="multipart").status_code == 413


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/octet-stream", "json"]
)
def test_body_of_another_type_is_a_415(api: APIClient, content_type: str) -> None:
    answer = api.generic("POST", "/bots/", b'{"name": "Shop"}', content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def lists() -> list[str]:
    from chatboost.api import _resources

    return [f"/{name}" for name in _resources()]


@pytest.mark.parametrize("path", lists())
def test_every_list_is_a_page(browser: Client, path: str) -> None:
    page = browser.get(path, headers=PAGE)

    assert (page.status_code, page["Content-Type"].split(";")[0]) == (200, "text/html")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/bots/", {"name": 5}),
        ("/bots/", {"name": "A", "is_active": 1}),
        ("/bots/", {"name": "A", "is_active": "true"}),
        ("/bots/", {"name": ["A"]}),
        ("/bots/", {"name": "A", "description": "x" * 10_001}),
        ("/triggers/", {"name": "A", "keywords": "hi"}),
        ("/triggers/", {"name": "A", "keywords": [1]}),
        ("/triggers/", {"name": "A", "keywords": [], "priority": "5"}),
        ("/triggers/", {"name": "A", "keywords": [], "priority": 10**30}),
        ("/triggers/", {"name": "A", "keywords": [], "bot_id": "1"}),
        ("/dead-letters/", {"action": "retry", "ids": [10**30]}),
        ("/dead-letters/", {"action": "retry", "ids": [2**63]}),
        ("/dead-letters/", {"action": "retry", "ids": list(range(1, 502))}),
    ],
)
def test_value_of_the_wrong_type_or_size_is_refused(
    api_for: Callable[..., APIClient], organization: Organization, path: str, body: dict[str, object]
) -> None:
    answer = api_for(organization).post(path, body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
