"""“Security”: everything about getting into one's own account, on one page."""

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from teams import google, user_agents
from teams.models import User
from teams.services import sessions


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is signed in."""

    row: UserSession
    program: str
    is_current: bool


@method_decorator([never_cache, login_required], name="dispatch")
class SecurityView(TemplateView):
    """Password, second step, recovery codes, Google, and where one is signed in."""

    template_name = "account/security.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Look it all up."""
        user = _user(self.request)
        kinds = {each.type: each for each in Authenticator.objects.filter(user=user)}
        codes = kinds.get(Authenticator.Type.RECOVERY_CODES)
        return {
            **super().get_context_data(**kwargs),
            "has_password": user.has_usable_password(),
            "has_second_step": Authenticator.Type.TOTP in kinds,
            "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
            "places": _places(self.request, user),
            "is_google_offered": google.is_offered(),
            "google_account": SocialAccount.objects.filter(user=user, provider="google").first(),
        }

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> Any:
        """Let the button lead to Google."""
        response = super().render_to_response(context, **kwargs)
        google.allow_form(response)
        return response


@require_POST
@login_required
def end_session(request: HttpRequest) -> HttpResponse:
    """Sign one of one's own sessions out: `session` is its id."""
    number = request.POST.get("session", "")
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    if not is_number or not sessions.end_of(_user(request), int(number)):
        raise Http404("No such session.")
    messages.success(request, "Signed out there.")
    return HttpResponseRedirect(reverse("account_security"))


@require_POST
@login_required
def end_all_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere else; with `here`, here too."""
    user = _user(request)
    is_here_too = "here" in request.POST
    sessions.end_all(user, actor=user, besides=None if is_here_too else request.session.session_key)
    if is_here_too:
        return HttpResponseRedirect(reverse("account_login"))
    messages.success(request, "Signed out everywhere else.")
    return HttpResponseRedirect(reverse("account_security"))


def _places(request: HttpRequest, user: User) -> list[Place]:
    rows = UserSession.objects.purge_and_list(user)
    rows.sort(key=lambda row: row.created_at, reverse=True)
    key = request.session.session_key
    return [Place(row, user_agents.short(row.user_agent), row.session_key == key) for row in rows]


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
