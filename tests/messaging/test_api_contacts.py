"""/contacts/"""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from chatboost.messaging.models import Contact
from chatboost.messaging.services import attributes, contacts
from chatboost.messaging.services.attributes import AttributeWrite
from teams.models import Organization
from tests import factories
from tests.messaging.listening import listening

ApiFor = Callable[..., APIClient]


def _set(contact: Contact, key: str, value: object, value_type: str = "string") -> None:
    attributes.write(
        [
            AttributeWrite(
                organization_id=contact.organization_id,
                contact_id=contact.pk,
                key=key,
                value=value,
                value_type=value_type,
            )
        ]
    )


@pytest.mark.parametrize("path", ["/contacts/", "/contacts", "/flows/contacts/", "/flows/contacts"])
def test_create_with_bare_digits_stores_plus_and_digits(api: APIClient, path: str) -> None:
    response = api.post(path, {"phone": "1234567890", "first_name": "Ana"}, format="json")

    assert response.status_code == 201
    assert (response.json()["phone"], response.json()["status"]) == ("+1234567890", "active")


def test_create_takes_a_number_that_is_no_text(api: APIClient) -> None:
    assert api.post("/contacts/", {"phone": 1234567890}, format="json").json()["phone"] == "+1234567890"


def test_create_is_told_as_coming_from_the_api(api: APIClient) -> None:
    with listening("contact_created") as heard:
        api.post("/contacts/", {"phone": "1234567890"}, format="json")

    assert [event["source"] for event in heard] == ["api"]


def test_create_with_attributes_stores_them_typed(api: APIClient) -> None:
    body = {"phone": "1234567890", "attributes": [{"key": "age", "value": "25", "value_type": "number"}]}

    shown = api.post("/contacts/?include_attributes=true", body, format="json").json()

    assert [(entry["key"], entry["value"]) for entry in shown["attributes"]] == [("age", 25)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "phone"),
        ({"phone": None}, "phone"),
        ({"phone": ""}, "phone"),
        ({"phone": "call me"}, "phone"),
        ({"phone": "123456"}, "phone"),
        ({"phone": "1234567890", "email": "nobody"}, "email"),
        ({"phone": "1234567890", "status": "gone"}, "status"),
        ({"phone": "1234567890", "name": "Ana"}, "name"),
        ({"phone": "1234567890", "attributes": [{"key": "a"}]}, "attributes.0.value"),
        (
            {"phone": "1234567890", "attributes": [{"key": "age", "value": "x", "value_type": "number"}]},
            "age",
        ),
    ],
)
def test_create_bad_body_names_the_field(api: APIClient, body: dict[str, object], field: str) -> None:
    response = api.post("/contacts/", body, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert not Contact.objects.exists()


def test_create_known_phone_is_a_conflict(api: APIClient, organization: Organization) -> None:
    factories.contact(organization, phone="+1234567890")

    response = api.post("/contacts/", {"phone": "123-456-7890"}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "contact_exists")


def test_patch_to_a_known_phone_is_a_conflict(api: APIClient, organization: Organization) -> None:
    factories.contact(organization, phone="+1234567890")
    contact = factories.contact(organization)

    response = api.patch(f"/contacts/{contact.pk}", {"phone": "1234567890"}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "contact_exists")


@pytest.mark.parametrize("query", ["", "?include_attributes=true"])
def test_put_what_get_gave_changes_nothing_else(
    api: APIClient, organization: Organization, query: str
) -> None:
    contact = factories.contact(organization, last_name="Khan")
    _set(contact, "born", "2000-01-31", "date")
    shown = api.get(f"/contacts/{contact.pk}{query}").json()

    response = api.put(f"/contacts/{contact.pk}", shown | {"first_name": "Ana"}, format="json")

    assert response.status_code == 200
    again = api.get(f"/contacts/{contact.pk}?include_attributes=true").json()
    assert (again["first_name"], again["last_name"], again["phone"]) == ("Ana", "Khan", contact.phone)
    assert [(entry["value"], entry["value_type"]) for entry in again["attributes"]] == [
        ("2000-01-31", "date")
    ]


@pytest.mark.parametrize(
    ("query", "is_shown"),
    [("", False), ("?include_attributes=false", False), ("?include_attributes=true", True)],
)
def test_get_shows_attributes_when_asked(
    api: APIClient, organization: Organization, query: str, is_shown: bool
) -> None:
    contact = factories.contact(organization)

    assert ("attributes" in api.get(f"/contacts/{contact.pk}{query}").json()) is is_shown


def test_get_include_attributes_that_is_no_truth_is_a_bad_request(
    api: APIClient, organization: Organization
) -> None:
    contact = factories.contact(organization)

    assert api.get(f"/contacts/{contact.pk}?include_attributes=perhaps").status_code == 400


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_foreign_contact_is_not_found(api: APIClient, other_organization: Organization, method: str) -> None:
    contact = factories.contact(other_organization)

    body = {} if method == "get" else {"data": {"phone": "1234567890"}, "format": "json"}
    response = getattr(api, method)(f"/contacts/{contact.pk}/", **body)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert Contact.objects.get(pk=contact.pk).erased_at is None


def test_delete_erases_the_person(api: APIClient, organization: Organization) -> None:
    contact = factories.contact(organization, first_name="Ana")

    assert api.delete(f"/contacts/{contact.pk}").status_code == 204

    assert api.get(f"/contacts/{contact.pk}").status_code == 404
    assert api.get("/contacts/").json()["count"] == 0
    assert api.delete(f"/contacts/{contact.pk}").status_code == 404
    assert Contact.objects.get(pk=contact.pk).first_name == ""


def test_list_with_attributes_costs_the_same_for_many(
    api: APIClient, organization: Organization, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        _set(factories.contact(organization), "age", number, "number")
    api.get("/contacts/")  # notes the key's use

    with django_assert_num_queries(4):  # key, count, contacts, attributes
        shown = api.get("/contacts/?include_attributes=true").json()

    assert sorted(contact["attributes"][0]["value"] for contact in shown["results"]) == list(range(10))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Bo", "Ana"]),
        ("ordering=first_name", ["Ana", "Bo"]),
        ("search=an", ["Ana"]),
        ("search=5550100", ["Ana"]),
        ("phone=1-555-010-0123", ["Ana"]),
        ("status=blocked", ["Bo"]),
        ("created_before=2000-01-01T00:00:00Z", []),
        ("page_size=1", ["Bo"]),
    ],
)
def test_list_can_be_narrowed(
    api: APIClient, organization: Organization, other_organization: Organization, query: str, names: list[str]
) -> None:
    factories.contact(other_organization, first_name="Ana")
    factories.contact(organization, first_name="Ana", phone="+15550100123")
    factories.contact(organization, first_name="Bo", status="blocked", phone="+1234567890")

    assert [person["first_name"] for person in api.get(f"/contacts/?{query}").json()["results"]] == names


@pytest.mark.parametrize("query", ["phone=ana", "status=gone", "created_after=yesterday"])
def test_list_filter_that_makes_no_sense_is_a_bad_request(api: APIClient, query: str) -> None:
    response = api.get(f"/contacts/?{query}")

    assert (response.status_code, list(response.json()["errors"])) == (400, [query.split("=")[0]])


@pytest.mark.parametrize(
    ("stored", "value_type", "asked", "is_found"),
    [
        ("English", "string", "English", True),
        ("English", "string", "english", False),
        ("English", "string", "Engl", False),
        (25, "number", "25", True),
        (25, "number", "25.0", True),
        (25, "number", "2", False),
        ("25", "string", "25.0", False),
        (True, "boolean", "true", True),
        (True, "boolean", "yes", True),
        ({"b": 1, "a": 2}, "json", '{"a": 2, "b": 1}', True),
        ("2030-12-31", "date", "2030-12-31", True),
        ("2030-12-31T18:30:00Z", "datetime", "2030-12-31T19:30:00+01:00", True),
        ("", "string", "", True),
    ],
)
def test_search_by_attribute_reads_the_value_by_type(
    api: APIClient, organization: Organization, stored: object, value_type: str, asked: str, is_found: bool
) -> None:
    contact = factories.contact(organization)
    _set(contact, "fact", stored, value_type)

    found = api.get("/contacts/search/by-attribute", {"key": "fact", "value": asked}).json()

    assert [person["id"] for person in found["results"]] == ([contact.pk] if is_found else [])


def test_search_by_attribute_stays_in_the_organization(
    api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    _set(factories.contact(other_organization), "lang", "English")
    _set(factories.contact(organization), "other", "English")

    assert api.get("/contacts/search/by-attribute/?key=lang&value=English").json()["count"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [("key=lang", "value"), ("value=x", "key"), ("key=9&value=x", "key")],
)
def test_search_by_attribute_needs_key_and_value(api: APIClient, query: str, field: str) -> None:
    response = api.get(f"/contacts/search/by-attribute?{query}")

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


@pytest.mark.parametrize(
    ("role", "method", "status"),
    [
        ("viewer", "get", 200),
        ("viewer", "patch", 403),
        ("agent", "patch", 200),
        ("editor", "delete", 403),
        ("admin", "delete", 204),
    ],
)
def test_roles_decide(
    api_for: ApiFor, organization: Organization, role: str, method: str, status: int
) -> None:
    contact = factories.contact(organization)

    response = getattr(api_for(organization, role=role), method)(f"/contacts/{contact.pk}", {}, format="json")

    assert response.status_code == status


def test_viewer_may_not_create(api_for: ApiFor, organization: Organization) -> None:
    response = api_for(organization, role="viewer").post("/contacts/", {"phone": "1234567890"}, format="json")

    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


def test_update_of_a_person_erased_meanwhile_is_not_found(organization: Organization) -> None:
    contact = factories.contact(organization)
    contacts.erase(contact)

    with pytest.raises(Contact.DoesNotExist):
        contacts.update(contact, first_name="Ana")


@pytest.mark.parametrize(
    ("attribute", "status"),
    [({"key": "age", "value": "25"}, 200), ({"key": "age"}, 400), ({"value": "25"}, 400), ({}, 400)],
)
def test_patch_takes_whole_attributes_only(
    api: APIClient, organization: Organization, attribute: dict[str, str], status: int
) -> None:
    contact = factories.contact(organization)

    answer = api.patch(f"/contacts/{contact.pk}", {"attributes": [attribute]}, format="json")

    assert answer.status_code == status
    assert contact.attributes.count() == (status == 200)
