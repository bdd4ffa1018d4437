"""The page behind an invite's link.

    /accounts/invite/<token>/ --(GET or POST)--> the session holds the token's key --> /accounts/invite/

The page itself has no secret in its address: none in a Referer, in `next` at sign-in, or in the log of a
refused form. Looking changes nothing, so a scanner that follows links in mail uses nothing up.
"""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.signup import complete_signup
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from chatboost.core.errors import DomainError, NotFound
from teams import google
from teams.errors import Unauthenticated
from teams.forms import NewMemberForm
from teams.models import Invite, Membership, User
from teams.roles import Role
from teams.services import addresses, invites, organization_choice

SESSION_KEY = "invite_key"
CONSOLE = "/admin/"


@never_cache
def follow_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token's key for this browser and go on to the page without it."""
    key = invites.key_of(token)
    try:
        invites.find_by_key(key)
    except DomainError as refusal:
        response = _refused(request, refusal, key)
    else:
        request.session[SESSION_KEY] = key
        response = HttpResponseRedirect(reverse("invite"))
    response["Referrer-Policy"] = "no-referrer"
    return response


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class InviteView(View):
    """Says who invites whom to what; a POST accepts, or signs out whoever is signed in as somebody else."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Find the invite first: without one there is nothing to show."""
        self.key = str(request.session.get(SESSION_KEY, ""))
        try:
            self.invite = invites.find_by_key(self.key)
        except DomainError as refusal:
            return _refused(request, refusal, self.key)
        response = super().dispatch(request, *args, **kwargs)
        google.allow_form(response)
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return self._page(NewMemberForm(email=self.invite.email))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept, or make way for the right person."""
        if "switch" in request.POST:
            return self._switch()
        if isinstance(request.user, User):
            return self._join(request.user)
        if addresses.is_taken(self.invite.email):
            return HttpResponseRedirect(_sign_in())
        form = NewMemberForm(request.POST, email=self.invite.email)
        return self._join_as_new(form) if form.is_valid() else self._page(form, status=400)

    def _join(self, user: User) -> HttpResponse:
        try:
            membership = invites.accept(key=self.key, user=user)
        except DomainError as refusal:
            if refusal.code == "wrong_account":
                return self._page(NewMemberForm(email=self.invite.email), status=403)
            return _refused(self.request, refusal, self.key)
        return self._enter(membership, HttpResponseRedirect(CONSOLE))

    def _join_as_new(self, form: NewMemberForm) -> HttpResponse:
        try:
            membership = invites.accept_as_new(key=self.key, **form.cleaned_data)
        except Unauthenticated:
            return HttpResponseRedirect(_sign_in())
        except DomainError as refusal:
            if not refusal.errors:
                return _refused(self.request, refusal, self.key)
            form.refuse(refusal)
            return self._page(form, status=400)
        response = complete_signup(self.request, user=membership.user, redirect_url=CONSOLE)
        return self._enter(membership, response)

    def _enter(self, membership: Membership, response: HttpResponse) -> HttpResponse:
        session = self.request.session
        session.pop(SESSION_KEY, None)
        session[organization_choice.SESSION_KEY] = membership.organization_id
        role = Role(membership.role).label
        messages.success(self.request, f"Welcome to {membership.organization.name}. Your role: {role}.")
        return response

    def _switch(self) -> HttpResponse:
        get_adapter().logout(self.request)
        # Signing out has emptied the session.
        self.request.session[SESSION_KEY] = self.key
        return HttpResponseRedirect(reverse("invite"))

    def _page(self, form: NewMemberForm, *, status: int = 200) -> HttpResponse:
        user = self.request.user
        context = {
            "invite": self.invite,
            "role": Role(self.invite.role).label,
            "form": form,
            "is_right_person": isinstance(user, User) and addresses.belongs_to(user, self.invite.email),
            "has_account": addresses.is_taken(self.invite.email),
            "sign_in_url": _sign_in(),
            "redirect_field_value": reverse("invite"),
        }
        return render(self.request, "account/invite.html", context, status=status)


def _sign_in() -> str:
    return f"{reverse('account_login')}?{urlencode({'next': reverse('invite')})}"


def _refused(request: HttpRequest, refusal: DomainError, key: str) -> HttpResponse:
    """Say why there is nothing to accept; whoever has accepted it already goes on to the console."""
    if refusal.code == "invite_used" and _has_joined(request, key):
        return HttpResponseRedirect(CONSOLE)
    words = refusal.message
    if isinstance(refusal, NotFound):
        words = "This link leads to no invite. If you were sent a newer mail, use the link in that one."
    return render(request, "account/invite_gone.html", {"words": words}, status=refusal.status)


def _has_joined(request: HttpRequest, key: str) -> bool:
    if not isinstance(request.user, User):
        return False
    own = Invite.objects.across_organizations().filter(token_hash=key, accepted_by=request.user)
    return own.exists()
