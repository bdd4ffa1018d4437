"""Browsers of the console, and addresses of this room's pages."""

from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from teams.models import Organization
from tests import factories


def signed_in(organization: Organization, role: str) -> Client:
    """Return the browser of a new member."""
    client = Client()
    client.force_login(factories.member(organization, role), backend=factories.SIGN_IN)
    return client


def page(of: Model | type[Model], name: str = "change", *args: Any) -> str:
    """Return the address of a row's page, or of a page of a model."""
    opts = of._meta
    own = [of.pk] if isinstance(of, Model) else []
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", args=[*own, *args])


def shown(browser: Client, address: str) -> str:
    """Return what a page shows; it must open."""
    answer = browser.get(address)
    assert answer.status_code == 200
    html: str = answer.content.decode()
    return html


def said(browser: Client, address: str, **data: Any) -> str:
    """Hand something in, and return what the page says that it leads to."""
    answer = browser.post(address, data, follow=True)
    assert answer.status_code == 200
    html: str = answer.content.decode()
    return html
