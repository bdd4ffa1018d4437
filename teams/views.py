"""Account pages that allauth does not have."""

from typing import Any

from allauth.account.views import ConfirmEmailView as AllauthConfirmEmailView
from allauth.account.views import LoginView as AllauthLoginView
from allauth.account.views import SignupView as AllauthSignupView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from chatboost.core.errors import ValidationFailed
from teams import google
from teams.forms import SignupForm
from teams.models import User
from teams.selectors import memberships
from teams.services import organization_choice

CONSOLE = "/admin/"
CONSOLE_SIGN_IN = "/admin/login/"


class LoginView(AllauthLoginView):
    """Sign-in in the browser."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the button lead to Google, where it is offered."""
        response = super().dispatch(request, *args, **kwargs)
        google.allow_form(response)
        return response


class SignupView(AllauthSignupView):
    """Registration in the browser."""

    form_class = SignupForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the button lead to Google, where it is offered."""
        response = super().dispatch(request, *args, **kwargs)
        google.allow_form(response)
        return response

    def form_valid(self, form: SignupForm) -> HttpResponse:
        """Register, or show the form again when the same e-mail came in at the same moment."""
        try:
            response: HttpResponse = super().form_valid(form)
        except ValidationFailed as refusal:
            form.add_error("email" if "email" in refusal.errors else None, refusal.message)
            response = self.form_invalid(form)
        return response


class ConfirmEmailView(AllauthConfirmEmailView):
    """The page behind the link that proves an address.

    It asks for the account's password: else somebody could have another confirm, with a click in a mail, the
    account that they have made with the other's address.
    """

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Confirm, or have the account's owner sign in first."""
        user_id = self.get_object().email_address.user_id
        if self.request.user.pk != user_id:
            self.logout()
            messages.info(self.request, "Sign in to confirm the address.")
            return redirect_to_login(self.request.path)
        response: HttpResponse = super().post(*args, **kwargs)
        return response


@require_POST
@login_required
def choose_organization(request: HttpRequest) -> HttpResponse:
    """Remember which organization the console is about: `organization` is its id, `next` where to go on."""
    chosen = request.POST.get("organization", "")
    mine = memberships.of_user(_user(request))
    membership = next((row for row in mine.values() if str(row.organization_id) == chosen), None)
    if membership is None:
        raise Http404("No such organization.")
    request.session[organization_choice.SESSION_KEY] = membership.organization_id
    return HttpResponseRedirect(_safe_next(request, request.POST.get("next", "")))


@never_cache
def enter_console(request: HttpRequest) -> HttpResponse:
    """Send a visitor of the console to sign-in, a member on to the page they wanted, anyone else away."""
    wanted = _safe_next(request, request.GET.get("next", ""))
    if not request.user.is_authenticated:
        return redirect_to_login(wanted)
    if getattr(request, "organization", None) is None and not request.user.is_staff:
        return HttpResponseRedirect(resolve_url("no_organization"))
    return HttpResponseRedirect(wanted)


@require_safe
@never_cache
@login_required
def no_organization(request: HttpRequest) -> HttpResponse:
    """Tell a user without a membership what to do; a member goes on to the console."""
    if getattr(request, "organization", None) is not None:
        return HttpResponseRedirect(CONSOLE)
    return render(request, "account/no_organization.html", status=403)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _safe_next(request: HttpRequest, url: str) -> str:
    is_safe = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if is_safe and not url.startswith(CONSOLE_SIGN_IN) else CONSOLE
