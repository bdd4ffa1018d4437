"""A form is saved into the organization it was opened for, whatever another window has switched to."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from chatboost.messaging.models import Bot
from teams.models import Organization, User
from teams.roles import Role
from teams.services import organizations
from tests import factories

pytestmark = pytest.mark.django_db

UPLOAD = "/admin/messaging/contact/import/"
ADD, LIST = "/admin/messaging/bot/add/", "/admin/messaging/bot/"
HIDDEN = re.compile(r'name="csrfmiddlewaretoken"[^>]*><input type="hidden" name="(\w+)" value="(\d+)">')


@pytest.fixture
def of_both(owner: User, browser: Client, other_organization: Organization) -> Client:
    organizations.add_member(organization=other_organization, user=owner, role=Role.OWNER)
    return browser


def hidden_in(page: Any) -> dict[str, str]:
    """Return what the forms of a page say beside their token: each the same."""
    html = page.content.decode()
    found = HIDDEN.findall(html)
    assert len(found) == html.count("csrfmiddlewaretoken") > 0
    assert len(set(found)) == 1
    return dict(found)


def switch(browser: Client, organization: Organization) -> None:
    browser.post(reverse("choose_organization"), {"organization": organization.pk})


@pytest.mark.parametrize("url", ["/admin/", ADD, LIST, "{bot}", "/admin/settings/", UPLOAD])
def test_every_form_says_whose_it_is(browser: Client, organization: Organization, url: str) -> None:
    bot = factories.bot(organization)

    page = browser.get(url.format(bot=reverse("admin:messaging_bot_change", args=[bot.pk])))

    assert list(hidden_in(page).values()) == [str(organization.pk)]


def test_form_of_another_organization_is_refused_with_a_way_back(
    of_both: Client, organization: Organization, other_organization: Organization
) -> None:
    form = hidden_in(of_both.get(ADD)) | {"name": "Mine"}
    switch(of_both, other_organization)

    page = of_both.post(ADD, form, headers={"Referer": f"http://testserver{ADD}"})

    assert page.status_code == 409
    assert not Bot.objects.exists()
    text = page.content.decode()
    assert "switched to Globex" in text
    assert f'name="organization" value="{organization.pk}"' in text
    assert f'name="next" value="http://testserver{ADD}"' in text
    switch(of_both, organization)
    assert of_both.post(ADD, form).status_code == 302
    assert Bot.objects.get().organization == organization


def test_upload_for_another_organization_is_refused(
    of_both: Client, other_organization: Organization
) -> None:
    form = hidden_in(of_both.get(UPLOAD))
    switch(of_both, other_organization)

    page = of_both.post(UPLOAD, form | {"file": SimpleUploadedFile("c.csv", b"phone\n+15550001111\n")})

    assert page.status_code == 409
    assert "switched to Globex" in page.content.decode()


def test_script_is_told_in_its_own_words(of_both: Client, other_organization: Organization) -> None:
    form = hidden_in(of_both.get(ADD))
    switch(of_both, other_organization)

    answer = of_both.post(ADD, form, headers={"Accept": "application/json"})

    assert (answer.status_code, "switched to Globex" in answer.json()["problem"]) == (409, True)


def test_way_back_stays_here(of_both: Client, other_organization: Organization) -> None:
    form = hidden_in(of_both.get(ADD))
    switch(of_both, other_organization)

    page = of_both.post(ADD, form, headers={"Referer": "https://evil.example/x"})

    assert 'name="next" value="/admin/"' in page.content.decode()


def test_whose_organization_ended_meanwhile_is_offered_no_way_back(
    of_both: Client, owner: User, organization: Organization
) -> None:
    form = hidden_in(of_both.get(ADD))
    owner.memberships.filter(organization=organization).delete()

    page = of_both.post(ADD, form)

    assert page.status_code == 409
    assert "Acme" not in page.content.decode().partition("cb-answers")[2]
    assert not Bot.objects.exists()
