"""Sign-in through allauth's headless views: its limits, lock-out and second factor hold for tokens too."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.email_verification import send_verification_email_for_user
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.headless.account import views as account_views
from allauth.headless.constants import Client
from allauth.headless.internal.decorators import mark_request_as_headless
from allauth.headless.mfa import views as mfa_views
from django.http import HttpRequest, HttpResponseBase

from chatboost.core.errors import ValidationFailed
from teams.errors import SecondFactorRequired, TooManyAttempts, Unauthenticated
from teams.models import User
from teams.services.sessions import Tokens

View = Callable[[HttpRequest], HttpResponseBase]

# Seconds: the windows of allauth's limits, per minute and after five failed attempts on one account.
LIMIT_WINDOW = 60
LOCKOUT_WINDOW = 300
# Headers that would make the inner request somebody already.
CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_X_SESSION_TOKEN", "HTTP_COOKIE")

_login: View = account_views.LoginView.as_api_view(client=Client.APP)
_second_factor: View = mfa_views.AuthenticateView.as_api_view(client=Client.APP)
_request_reset: View = account_views.RequestPasswordResetView.as_api_view(client=Client.APP)
_finish_reset: View = account_views.ResetPasswordView.as_api_view(client=Client.APP)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a headless view answered."""

    status: int
    body: dict[str, Any]

    @property
    def codes(self) -> set[str]:
        """The codes of its errors."""
        return {str(error.get("code")) for error in self.body.get("errors", [])}

    @property
    def meta(self) -> dict[str, Any]:
        """Its tokens and flags."""
        return dict(self.body.get("meta") or {})

    @property
    def pending(self) -> set[str]:
        """The steps of sign-in that are still due."""
        flows = (self.body.get("data") or {}).get("flows", [])
        return {flow["id"] for flow in flows if flow.get("is_pending")}


def sign_in(request: HttpRequest, *, email: str, password: str) -> Tokens:
    """Exchange an e-mail and a password for tokens.

    Raises: Unauthenticated (`invalid_credentials`, `account_inactive`), SecondFactorRequired,
        TooManyAttempts.
    """
    answer = _call(_login, request, {"email": email, "password": password})
    if answer.status == HTTPStatus.BAD_REQUEST:
        raise Unauthenticated("The e-mail address or the password is wrong.", code="invalid_credentials")
    return _tokens(answer)


def second_step(request: HttpRequest, *, token: str, code: str) -> Tokens:
    """Finish a sign-in with a code of the authenticator app or a recovery code.

    Raises: Unauthenticated (`invalid_code`, `invalid_mfa_token`), TooManyAttempts.
    """
    answer = _call(_second_factor, request, {"code": code}, session_token=token)
    if answer.status == HTTPStatus.BAD_REQUEST:
        raise Unauthenticated("The code is wrong.", code="invalid_code")
    if answer.status == HTTPStatus.GONE or not answer.meta.get("is_authenticated"):
        raise Unauthenticated("Sign in again: this second step has expired.", code="invalid_mfa_token")
    return _tokens(answer)


def request_password_reset(request: HttpRequest, *, email: str) -> None:
    """Send a reset mail when the address is known; an unknown one looks the same. Raises: TooManyAttempts."""
    _call(_request_reset, request, {"email": email})


def finish_password_reset(request: HttpRequest, *, key: str, password: str) -> None:
    """Set a new password by the key of a reset mail.

    Raises: ValidationFailed (`invalid_reset_key`, `weak_password`), TooManyAttempts.
    """
    answer = _call(_finish_reset, request, {"key": key, "password": password})
    if answer.status != HTTPStatus.BAD_REQUEST:
        return
    errors: dict[str, list[str]] = {}
    for error in answer.body.get("errors", []):
        errors.setdefault(error.get("param", "non_field_errors"), []).append(error["message"])
    code = "invalid_reset_key" if "key" in errors else "weak_password"
    raise ValidationFailed(next(iter(errors.values()))[0], code=code, errors=errors)


def consume(request: HttpRequest, action: str, *, user: User | None = None) -> None:
    """Count a use of one of allauth's limits. Raises: TooManyAttempts."""
    if not ratelimit.consume(request, app="allauth.account", action=action, user=user):
        raise TooManyAttempts("Too many requests. Try again later.", wait=LIMIT_WINDOW)


def send_verification_mail(request: HttpRequest, user: User) -> None:
    """Ask the user, by mail, to confirm the address."""
    mark_request_as_headless(request, Client.APP)
    send_verification_email_for_user(request, user)


def _tokens(answer: Answer) -> Tokens:
    meta = answer.meta
    if answer.status == HTTPStatus.OK and "access_token" in meta:
        return Tokens(access=meta["access_token"], refresh=meta["refresh_token"])
    if "mfa_authenticate" in answer.pending:
        raise SecondFactorRequired(meta["session_token"])
    raise Unauthenticated("This account is inactive.", code="account_inactive")


def _call(view: View, request: HttpRequest, data: dict[str, str], *, session_token: str = "") -> Answer:
    try:
        response: Any = view(_inner_request(request, data, session_token))
    except ImmediateHttpResponse as interruption:
        response = interruption.response
    answer = Answer(response.status_code, json.loads(response.content or b"{}"))
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise TooManyAttempts("Too many requests. Try again later.", wait=LIMIT_WINDOW)
    if "too_many_login_attempts" in answer.codes:
        raise TooManyAttempts("Too many failed attempts. Try again later.", wait=LOCKOUT_WINDOW)
    return answer


def _inner_request(request: HttpRequest, data: dict[str, str], session_token: str) -> HttpRequest:
    inner = copy.copy(request)
    inner.META = {name: value for name, value in request.META.items() if name not in CREDENTIALS}
    if session_token:
        inner.META["HTTP_X_SESSION_TOKEN"] = session_token
    inner.__dict__.pop("headers", None)
    inner._body = json.dumps(data).encode()
    return inner
