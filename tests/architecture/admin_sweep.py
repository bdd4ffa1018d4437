"""Walks through the console as a member of one organization, and asks for the rows of another."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from chatboost.messaging.models import Contact
from tests.architecture import dumps, forms
from tests.architecture.admin_pages import Page
from tests.architecture.dumps import Dump
from tests.architecture.tenant_sweep import Answer, around
from tests.architecture.tenants import PREFIX, Tenants, scratch

NOT_THERE = {403, 404, 405}
# What the pages that take something would take: so a refusal is about whose row it is.
TAKEN = {"text": "words", "do": "pause"}
# What a form refuses though it is filled in well: nobody is there who could be added.
REFUSED = {
    "teams_membership_add": "Send this person an invite",
    # A form with a file: no words fit.
    "teams_connectedaccount_add": "key_file",
}


@dataclass
class AdminSweep:
    """One visitor's way through the pages. `problems` are leaks, changes and mistakes.

    A thorough one also opens its own rows, and tries every filter, action and form.
    """

    tenants: Tenants
    visitor: str
    browser: Client = field(repr=False)
    is_thorough: bool = True
    problems: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    visited: set[str] = field(default_factory=set)
    shown: set[type[Model]] = field(default_factory=set)
    _before: Dump = field(default_factory=dict)

    def run(self, pages: Sequence[Page]) -> "AdminSweep":
        """Visit everything."""
        self.browser.get("/admin/")
        self._before = dumps.take()
        for page in pages:
            self.visited.add(page.name)
            if page.is_about_a_row:
                if self.is_thorough:
                    self._ask_for_own(page)
                self._ask_for_foreign(page)
            elif page.name.endswith("_changelist") and page.model:
                self._look_through(page, page.model)
            elif page.name.endswith("_add") and page.model and self.is_thorough:
                self._fill_in(page, next(page.addresses(self.tenants.b)), "add forms")
            else:
                self._open(page)
            is_form = page.name.endswith("_change") and page.model and not page.is_for_staff
            if is_form and self.is_thorough:
                self._fill_in(page, next(page.addresses(self.tenants.b)), "change forms")
        self._complete(pages)
        return self

    def _ask_for_own(self, page: Page) -> None:
        for address in page.addresses(self.tenants.b):
            answer = self._ask("own rows", page, address)
            if answer.status == 200 and page.model and "plainwords" in answer.body.lower():
                self.shown.add(page.model)

    def _ask_for_foreign(self, page: Page) -> None:
        for address in page.addresses(self.tenants.a):
            # The installation's staff may well change anybody's account.
            for data in (None,) if page.is_for_staff else (None, self._valid_form(page) or TAKEN):
                with scratch():
                    answer = self._ask("foreign rows", page, address, data=data)
                    self._require_nothing_changed(address)
                if page.is_for_staff or answer.status in NOT_THERE:
                    continue
                # An address without a page of its own: it leads to the one that says no.
                if answer.status not in (301, 302) or "/login/" in answer.head:
                    self._blame(address, f"answers {answer.status} about a foreign row to {data or 'a GET'}")

    def _valid_form(self, page: Page) -> dict[str, Any]:
        """Return what saves the visitor's own row, where the page is its form."""
        if not page.name.endswith("_change"):
            return {}
        context = self.browser.get(next(page.addresses(self.tenants.b))).context
        return forms.filled(context, self.tenants.b) if forms.is_writable(context) else {}

    def _look_through(self, page: Page, model: type[Model]) -> None:
        """List, search, filter, and act on rows that are not the visitor's."""
        address = next(page.addresses(self.tenants.b))
        answer = self._ask("lists", page, address)
        if page.is_for_staff or answer.status != 200 or not self.is_thorough:
            return
        for query in self._queries(model):
            self._ask("filters", page, f"{address}?{urlencode(query)}")
        admin: Any = page.admin
        request: Any = self.browser.get(address).wsgi_request
        row: Any = self.tenants.a.rows.get(model)
        for name in [*admin.get_actions(request), "delete_selected"] if row else ():
            confirmed = {"confirmed": "1", "ids": str(row.pk), "post": "yes"}
            foreign, own = (
                {ACTION_CHECKBOX_NAME: row.pk},
                {ACTION_CHECKBOX_NAME: self.tenants.b.row(model).pk},
            )
            for data in (foreign, foreign | confirmed, own | confirmed | {"select_across": "1"}):
                with scratch():
                    self._ask("bulk actions", page, address, data=data | {"action": name})
                    self._require_a_unchanged(f"{address} {name}")

    def _queries(self, model: type[Model]) -> Iterable[dict[str, Any]]:
        contact: Any = self.tenants.a.row(Contact)
        organization = self.tenants.a.organization
        yield from ({"q": PREFIX}, {"q": contact.phone}, {"_to_field": "id", "_popup": "1"}, {"e": "1"})
        yield from ({"organization__id__exact": organization.pk}, {"organization_id": organization.pk})
        for each in model._meta.concrete_fields:
            if each.is_relation and each.related_model in self.tenants.a.rows:
                pk = self.tenants.a.row(each.related_model).pk  # type: ignore[index]
                yield from ({f"{each.name}__id__exact": pk}, {f"{each.name}__name__startswith": PREFIX})
            elif isinstance(each, models.CharField | models.TextField) and not each.choices:
                yield {f"{each.name}__startswith": PREFIX}

    def _fill_in(self, page: Page, address: str, what: str) -> None:
        """Hand in a form with a foreign row in each of its choices, alone."""
        response = self.browser.get(address)
        if page.is_for_staff or response.status_code != 200 or not forms.is_writable(response.context):
            self._ask(what, page, address)
            return
        valid = forms.filled(response.context, self.tenants.b)
        with scratch():
            answer = self._ask(what, page, address, data=valid)
            said = "" if answer.status == 302 else str(forms.errors(self.browser.post(address, valid)))
            if said and REFUSED.get(page.name, "never") not in said:
                self._blame(address, f"is refused to its owner: {said}")
        for name, model in forms.choices(response.context):
            with scratch():
                foreign = {**valid, name: str(self.tenants.a.row(model).pk)}
                answer = self._ask(f"{what} with a foreign row", page, address, data=foreign)
                self._require_nothing_changed(f"{address} {name}")
            if answer.status not in (200, 400, 404):
                self._blame(address, f"takes a foreign {name}: {answer.status}")

    def _open(self, page: Page) -> None:
        """Open a page that is about no row: plainly, with a search, and with something in its form."""
        contact: Any = self.tenants.a.row(Contact)
        for address in page.addresses(self.tenants.b):
            for query in ("", f"?{urlencode({'s': PREFIX})}", f"?{urlencode({'s': contact.phone})}"):
                self._ask("other pages", page, address + query)
            with scratch():
                self._ask("other pages", page, address, data={"organization": self.tenants.a.organization.pk})
                self._require_a_unchanged(address)

    def _complete(self, pages: Sequence[Page]) -> None:
        """Ask for suggestions: every relation of every model."""
        for model in self.tenants.a.rows:
            for each in model._meta.concrete_fields:
                if not each.is_relation:
                    continue
                query = {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "field_name": each.name,
                    "term": PREFIX,
                }
                address = f"{reverse('admin:autocomplete')}?{urlencode(query)}"
                # Accounts are the installation's, and its staff may look for any of them.
                about = [page for page in pages if page.model is each.related_model and page.is_for_staff]
                self._ask("suggestions", about[0] if about else None, address)
        with scratch():
            data = {"organization": self.tenants.a.organization.pk}
            answer = self._ask("choice of organization", None, reverse("choose_organization"), data=data)
            self._require_nothing_changed("choice of organization")
        if answer.status != 404:
            self._blame("choice of organization", f"answers {answer.status}")

    def _ask(
        self, what: str, page: Page | None, address: str, *, data: dict[str, Any] | None = None
    ) -> Answer:
        """Open a page, or hand something in; report what it gives away, and every mistake of ours."""
        self.done[what] += 1
        response = self.browser.get(address) if data is None else self.browser.post(address, data)
        answer = Answer.of(response)
        if answer.status >= 500:
            self._blame(address, f"fails with {data}")
        # The installation's staff sees everybody's accounts: that is what these pages are for.
        if page is None or not page.is_for_staff:
            sent = f"{unquote(address)} {data}"
            text = f"{answer.head}\n{answer.body}"
            if found := self.tenants.a.found_in(text, sent=sent):
                self._blame(address, f"gives away {found} to {data or 'a GET'}: {around(text, found[0])}")
        return answer

    def _require_nothing_changed(self, where: str) -> None:
        if changes := dumps.difference(self._before, dumps.take()):
            self._blame(where, f"changed {changes}")

    def _require_a_unchanged(self, where: str) -> None:
        if touched := dumps.moved(self._before, dumps.take()) & self.tenants.a.keys:
            self._blame(where, f"changed {touched}")

    def _blame(self, where: str, why: str) -> None:
        self.problems.append(f"{self.visitor} at {where}: {why}")
