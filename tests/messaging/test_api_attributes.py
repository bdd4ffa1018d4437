"""/contacts/{contact_id}/attributes"""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from chatboost.messaging.models import Contact, ContactAttribute
from chatboost.messaging.services import contacts
from teams.models import Organization
from tests import factories

ApiFor = Callable[..., APIClient]

# As the older system's manual has it.
BULK = {
    "attributes": [
        {"key": "age", "value": "25", "value_type": "number"},
        {"key": "is_vip", "value": "true", "value_type": "boolean"},
        {"key": "preferences", "value": '{"theme": "dark", "notifications": true}', "value_type": "json"},
    ]
}


@pytest.fixture
def contact(organization: Organization) -> Contact:
    return factories.contact(organization)


@pytest.fixture
def path(contact: Contact) -> str:
    return f"/contacts/{contact.pk}/attributes"


def _stored(contact: Contact) -> dict[str, object]:
    return dict(ContactAttribute.objects.filter(contact=contact).values_list("key", "value"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_set_stores_and_shows_the_attribute(api: APIClient, contact: Contact, path: str, slash: str) -> None:
    body = {"key": "preferred_language", "value": "English", "value_type": "string"}

    response = api.post(path + slash, body, format="json")

    assert response.status_code == 200
    assert response.json() == body | {"updated_at": response.json()["updated_at"]}
    assert _stored(contact) == {"preferred_language": "English"}


def test_set_without_type_is_text(api: APIClient, path: str) -> None:
    shown = api.post(path, {"key": "age", "value": "25"}, format="json").json()

    assert (shown["value"], shown["value_type"]) == ("25", "string")


def test_set_again_replaces(api: APIClient, contact: Contact, path: str) -> None:
    api.post(path, {"key": "age", "value": "25"}, format="json")
    api.post(path, {"key": "age", "value": 26, "value_type": "number"}, format="json")

    assert _stored(contact) == {"age": 26}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": "x"}, "key"),
        ({"key": "9", "value": "x"}, "key"),
        ({"key": "a" * 65, "value": "x"}, "key"),
        ({"key": "a"}, "value"),
        ({"key": "a", "value": "x", "value_type": "colour"}, "value_type"),
        ({"key": "a", "value": "x", "type": "string"}, "type"),
        ({"key": "age", "value": "x", "value_type": "number"}, "age"),
        ({"key": "age", "value": "NaN", "value_type": "number"}, "age"),
        ({"key": "big", "value": "x" * 9000}, "big"),
    ],
)
def test_set_bad_body_names_the_field(
    api: APIClient, contact: Contact, path: str, body: dict[str, object], field: str
) -> None:
    response = api.post(path, body, format="json")

    assert (response.status_code, field in response.json()["errors"]) == (400, True)
    assert _stored(contact) == {}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
def test_set_a_number_that_json_or_a_database_has_not_is_refused(
    api: APIClient, path: str, number: str
) -> None:
    body = f'{{"key": "a", "value": {number}, "value_type": "json"}}'

    response = api.post(path, body, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "malformed_body")


def test_bulk_stores_all_typed(api: APIClient, contact: Contact, path: str) -> None:
    response = api.post(f"{path}/bulk", BULK, format="json")

    assert response.status_code == 200
    assert [entry["key"] for entry in response.json()["attributes"]] == ["age", "is_vip", "preferences"]
    assert _stored(contact) == {
        "age": 25,
        "is_vip": True,
        "preferences": {"theme": "dark", "notifications": True},
    }


def test_bulk_with_wrong_values_stores_none_and_names_each_key(
    api: APIClient, contact: Contact, path: str
) -> None:
    wrong = [
        {"key": "born", "value": "yesterday", "value_type": "date"},
        {"key": "age", "value": "x", "value_type": "number"},
    ]

    response = api.post(f"{path}/bulk/", {"attributes": BULK["attributes"][1:] + wrong}, format="json")

    assert (response.status_code, response.json()["code"]) == (400, "invalid_attributes")
    assert sorted(response.json()["errors"]) == ["age", "born"]
    assert _stored(contact) == {}


@pytest.mark.parametrize(
    "body", [{}, {"attributes": []}, {"attributes": {"age": 25}}, {"attributes": ["age"]}, []]
)
def test_bulk_without_a_list_of_attributes_is_a_bad_request(api: APIClient, path: str, body: object) -> None:
    assert api.post(f"{path}/bulk", body, format="json").status_code == 400


def test_list_shows_attributes_by_key(api: APIClient, path: str) -> None:
    api.post(f"{path}/bulk", BULK, format="json")

    shown = api.get(path).json()

    assert (shown["count"], [entry["key"] for entry in shown["results"]]) == (
        3,
        ["age", "is_vip", "preferences"],
    )


@pytest.mark.parametrize("key", ["a.b-c_9", "bulk"])
def test_single_attribute_can_be_read_and_removed(api: APIClient, path: str, key: str) -> None:
    api.post(path, {"key": key, "value": "x"}, format="json")

    assert api.get(f"{path}/{key}").json()["value"] == "x"
    assert api.delete(f"{path}/{key}/").status_code == 204
    assert api.get(f"{path}/{key}").status_code == 404
    assert api.delete(f"{path}/{key}").status_code == 404


@pytest.mark.parametrize(
    ("method", "tail"), [("get", ""), ("post", ""), ("post", "/bulk"), ("get", "/age"), ("delete", "/age")]
)
def test_attributes_of_a_foreign_contact_are_not_found(
    api: APIClient, other_organization: Organization, method: str, tail: str
) -> None:
    contact = factories.contact(other_organization)
    ContactAttribute.objects.create(organization=other_organization, contact=contact, key="age", value=1)
    entry = {"key": "age", "value": 2}
    body = {"data": {"attributes": [entry]} if tail == "/bulk" else entry, "format": "json"}

    response = getattr(api, method)(
        f"/contacts/{contact.pk}/attributes{tail}", **({} if method == "get" else body)
    )

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert _stored(contact) == {"age": 1}


def test_attributes_of_an_erased_contact_are_not_found(api: APIClient, contact: Contact, path: str) -> None:
    contacts.erase(contact)

    assert api.get(path).status_code == 404
    assert api.post(path, {"key": "age", "value": "1"}, format="json").status_code == 404


@pytest.mark.parametrize(
    ("role", "method", "status"),
    [
        ("viewer", "get", 200),
        ("viewer", "delete", 403),
        ("agent", "delete", 403),
        ("editor", "delete", 204),
    ],
)
def test_roles_decide(
    api_for: ApiFor,
    organization: Organization,
    contact: Contact,
    path: str,
    role: str,
    method: str,
    status: int,
) -> None:
    ContactAttribute.objects.create(organization=organization, contact=contact, key="age", value=1)

    response = getattr(api_for(organization, role=role), method)(f"{path}/age")

    assert response.status_code == status


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("agent", 200)])
@pytest.mark.parametrize("tail", ["", "/bulk"])
def test_roles_decide_who_sets(
    api_for: ApiFor, organization: Organization, path: str, role: str, status: int, tail: str
) -> None:
    body = BULK if tail else BULK["attributes"][0]

    assert api_for(organization, role=role).post(path + tail, body, format="json").status_code == status
