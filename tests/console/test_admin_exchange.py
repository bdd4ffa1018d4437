"""Import and export in the console: upload, preview, confirm, the job's page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from chatboost.core.exchange import services
from chatboost.core.models import File, Job
from chatboost.core.work.drain import drain
from chatboost.messaging.models import Contact
from teams.models import Organization, User
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db

CSV = "phone,First name,Notes,id\n+15550001111,Ada,<b>hi</b>,7\n+15550002222,Bob,,\n12,X,,\n"
IMPORT = "admin:messaging_contact_import"
EXPORT = "admin:messaging_contact_export"


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def stored(
    organization: Organization, content: str = CSV, permission: str = "messaging.change_contact"
) -> File:
    return services.store(
        organization_id=organization.pk, permission=permission, name="people.csv", chunks=[content.encode()]
    )


def preview_of(file: File) -> str:
    return reverse("admin:messaging_contact_preview", args=[file.uuid])


def upload(browser: Client, content: str = CSV, **fields: str) -> Any:
    file = SimpleUploadedFile("people.csv", content.encode())
    return browser.post(reverse(IMPORT), {"file": file, **fields})


def test_list_has_the_buttons_that_the_role_may_use(
    browser: Client, viewer_browser: Client, organization: Organization
) -> None:
    url = reverse("admin:messaging_contact_changelist")
    html = browser.get(url).content.decode()
    assert reverse(IMPORT) in html
    assert reverse(EXPORT) in html
    html = viewer_browser.get(url).content.decode()
    assert reverse(IMPORT) not in html
    assert reverse(EXPORT) not in html


def test_upload_leads_to_the_preview_and_writes_nothing(browser: Client, organization: Organization) -> None:
    factories.contact(organization, phone="+15550001111", first_name="Eve")
    assert "Choose a file" in browser.get(reverse(IMPORT)).content.decode()
    response = upload(browser, delimiter=",")
    file = File.objects.get()
    assert response["Location"] == f"{preview_of(file)}?delimiter=%2C"
    html = browser.get(response["Location"]).content.decode()
    assert "<strong>1</strong> new contacts" in html
    assert "<del><bdi>Eve</bdi></del> → <bdi>Ada</bdi>" in html
    assert "phone: A phone number has 7 to 15 digits." in html
    assert "&lt;b&gt;hi&lt;/b&gt;" in html
    assert "left out" in html
    assert Contact.objects.get().first_name == "Eve"
    assert not Job.objects.exists()


def test_confirming_starts_the_job_and_leads_to_its_page(browser: Client, organization: Organization) -> None:
    response = browser.post(preview_of(stored(organization)))
    job = Job.objects.get()
    assert response["Location"] == reverse("admin:core_job_change", args=[job.pk])
    assert job.kind == "messaging.import_contacts"
    assert job.input["dry_run"] is False
    assert not Contact.objects.exists()
    assert browser.get(response["Location"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_checking_only_writes_nothing(browser: Client, organization: Organization) -> None:
    browser.post(preview_of(stored(organization)), {"dry_run": "1"})
    drain("maintenance")
    assert Job.objects.get().result["created"] == 2
    assert not Contact.objects.exists()


def test_looking_starts_nothing(browser: Client, organization: Organization) -> None:
    browser.get(preview_of(stored(organization)))
    browser.get(reverse(EXPORT))
    assert not Job.objects.exists()


def test_unreadable_file_says_why(browser: Client, organization: Organization) -> None:
    html = browser.get(preview_of(stored(organization, "name\nAda\n"))).content.decode()
    assert "The column “phone” is missing." in html
    assert ">Import</button>" not in html


def test_file_too_large_for_a_preview_can_still_be_imported(
    browser: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatboost.core.exchange.reading.QUICK_TEXT", 10)
    html = browser.get(preview_of(stored(organization))).content.decode()
    assert "too large for a preview" in html
    assert ">Import</button>" in html


def test_preview_shows_a_hundred_rows_of_five_hundred(browser: Client, organization: Organization) -> None:
    rows = "".join(f"+1555000{number:04d},P{number}\n" for number in range(2000))
    response = browser.get(preview_of(stored(organization, f"phone,first_name\n{rows}")))
    html = response.content.decode()
    assert "The first 500 rows hold" in html
    assert html.count('<span class="cb-ok">New</span>') == 100


def test_too_large_upload_is_refused_on_the_page(browser: Client, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 10
    response = upload(browser)
    assert response.status_code == 200
    assert "The file is larger than" in response.content.decode()
    assert not File.objects.exists()


def test_upload_without_a_file_is_asked_for_one(browser: Client) -> None:
    response = browser.post(reverse(IMPORT), {})
    assert "This field is required" in response.content.decode()


def test_upload_asks_for_the_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner, backend=factories.SIGN_IN)
    assert upload(client).status_code == 403
    assert not File.objects.exists()


def test_pages_ask_the_role(viewer_browser: Client, organization: Organization) -> None:
    file = stored(organization)
    for url in (reverse(IMPORT), reverse(EXPORT), preview_of(file)):
        assert viewer_browser.get(url).status_code == 403
        assert viewer_browser.post(url).status_code == 403
    assert not Job.objects.exists()


def test_agent_may_import_and_not_export(
    browser_of: Callable[[User], Client], organization: Organization
) -> None:
    agent = browser_of(factories.member(organization, Role.AGENT))
    assert agent.get(reverse(IMPORT)).status_code == 200
    assert agent.get(reverse(EXPORT)).status_code == 403


def test_foreign_files_and_files_of_other_purposes_are_not_there(
    browser: Client, organization: Organization, other_organization: Organization
) -> None:
    for file in (stored(other_organization), stored(organization, permission="messaging.export")):
        assert browser.get(preview_of(file)).status_code == 404
        assert browser.post(preview_of(file)).status_code == 404
    assert not Job.objects.exists()


def test_export_starts_a_job(browser: Client, organization: Organization) -> None:
    response = browser.post(reverse(EXPORT), {"format": "xlsx"})
    job = Job.objects.get()
    assert response["Location"] == reverse("admin:core_job_change", args=[job.pk])
    assert (job.kind, job.input["format"]) == ("messaging.export_contacts", "xlsx")
    assert "Select a valid choice" in browser.post(reverse(EXPORT), {"format": "pdf"}).content.decode()
