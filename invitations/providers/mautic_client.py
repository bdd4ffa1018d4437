"""Calls to one Mautic: signed in, guarded, bounded, and what its answers mean.

The address is a user's: it is called behind the policy for such addresses, and no redirect is followed, for
the credentials go along. Answers may be anybody's: an HTML page of a proxy, JSON of three ages, `{}`.
"""

import base64
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from chatboost.core import clock
from chatboost.core.http import errors, untrusted, urls, waiting
from chatboost.core.http.response import Response
from invitations.providers import mautic_answers as answers
from invitations.providers.base import (
    AuthFailed,
    BadResponse,
    Gone,
    Invalid,
    ProviderError,
    RateLimited,
    Token,
    Transient,
    Unclear,
)

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_TOKEN: Final = 8000
# A token is not used in its last minute: the call takes its time, and clocks differ.
MARGIN: Final = timedelta(minutes=1)
DEFAULT_LIFETIME: Final = timedelta(hours=1)
MAX_LIFETIME: Final = timedelta(days=30)

Params = Sequence[tuple[str, str | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MauticAccount:
    """Where a Mautic is and how to sign in: `auth` is "basic" or "oauth2". Secrets are in no `repr`."""

    base_url: str
    auth: str = "basic"
    username: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token: Token | None = None
    deadline: timedelta = timedelta(seconds=20)
    private_hosts: frozenset[str] = frozenset()

    def hide(self, text: str) -> str:
        """Return text of the server's without our secrets in it."""
        for secret in (self.password, self.client_secret, self.token.value if self.token else ""):
            text = text.replace(secret, "•••") if len(secret) > 3 else text
        return text


class MauticClient:
    """Calls below `/api`. `renewed` is a token that was got on the way, `version` what Mautic says it is."""

    def __init__(self, account: MauticAccount) -> None:
        self.renewed: Token | None = None
        self.version = ""
        self._account = account
        self._lock = threading.Lock()

    def get(self, path: str, params: Params = (), *, is_single: bool = False) -> Any:
        """Read something. `is_single`: a refusal is about this one thing, not about our credentials.

        Raises: ProviderError, but never Unclear.
        """
        answer = self._call("GET", _with(f"api/{path}", params))
        return self._read(answer, is_single=is_single)

    def patch(self, path: str, body: Mapping[str, object]) -> Any:
        """Change one thing. Raises: ProviderError."""
        answer = self._call("PATCH", f"api/{path}", answers.dumped(body))
        try:
            return self._read(answer, is_single=True)
        except BadResponse as problem:
            if answer.is_success:
                raise Unclear(problem.message, problem.code) from problem
            raise
        except Transient as problem:
            raise Unclear(problem.message, problem.code) from problem

    def _call(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Make a call; when the token is refused, once more with another one."""
        token = self._token()
        answer = self._send(method, path, self._headers(token, body), body)
        if answer.status == 401 and token is not None:
            token = self._renew(token)
            answer = self._send(method, path, self._headers(token, body), body)
        self.version = answers.line(answer.headers.get("mautic-version", ""), 20) or self.version
        return answer

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        account = self._account
        url = f"{account.base_url.rstrip('/')}/{path}"
        try:
            self._require_https(url)
            return untrusted.fetch(
                url,
                method=method,
                headers=headers,
                body=body,
                deadline=account.deadline,
                max_bytes=MAX_BYTES,
                allowed_private_hosts=account.private_hosts,
            )
        except errors.Refused as problem:
            raise Invalid(problem.message, problem.code) from problem
        except errors.NotSent as problem:
            raise Transient(str(problem), "not_reached") from problem
        except errors.TooLarge as problem:
            raise _after(method, BadResponse("Mautic answers far too much.", "too_large")) from problem
        except errors.HttpError as problem:
            raise _after(method, Transient(str(problem), "no_answer")) from problem

    def _require_https(self, url: str) -> None:
        target = urls.parse(url)
        if target.scheme != "https" and not urls.Policy(self._account.private_hosts).is_exempt(target):
            raise errors.Refused("https_required", "credentials are only sent by https")

    def _headers(self, token: Token | None, body: bytes | None) -> dict[str, str]:
        sent = {"accept": "application/json"}
        if body is not None:
            sent["content-type"] = "application/json"
        if token is not None:
            return sent | {"authorization": f"Bearer {token.value}"}
        pair = f"{self._account.username}:{self._account.password}".encode()
        return sent | {"authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _token(self) -> Token | None:
        """Return the token to use, a new one when ours has had its time; None for basic sign-in."""
        if self._account.auth != "oauth2":
            return None
        token = self.renewed or self._account.token
        if token is not None and token.value and token.expires_at - MARGIN > clock.now():
            return token
        return self._renew(token)

    def _renew(self, refused: Token | None) -> Token:
        """Return another token than the one that is of no use; threads that wait for one share it."""
        with self._lock:
            if self.renewed is not None and self.renewed is not refused:
                return self.renewed
            self.renewed = self._ask_for_token()
            return self.renewed

    def _ask_for_token(self) -> Token:
        account = self._account
        form = {
            "grant_type": "client_credentials",
            "client_id": account.client_id,
            "client_secret": account.client_secret,
        }
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        answer = self._send("POST", "oauth/v2/token", headers, urlencode(form).encode())
        told = answers.loose(answer)
        if answer.status in (400, 401) and told is not None:
            said = answers.refusal(told)
            raise AuthFailed(
                account.hide(f"Mautic gives no token: {said.words}"), said.type or "invalid_client"
            )
        try:
            body = self._read(answer, is_single=False)
        except (Gone, Invalid) as problem:
            # Not about what was asked for: the place for tokens is not where it should be.
            raise BadResponse(problem.message, "no_token") from problem
        value, seconds = body.get("access_token"), answers.integer(body.get("expires_in"))
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
            raise BadResponse("Mautic answers without a token.", "no_token")
        lifetime = timedelta(seconds=min(seconds, 10**9)) if seconds and seconds > 0 else DEFAULT_LIFETIME
        return Token(value[:MAX_TOKEN], clock.now() + min(lifetime, MAX_LIFETIME))

    def _read(self, answer: Response, *, is_single: bool) -> dict[str, Any]:
        """Return the object that a good answer holds. Raises: ProviderError."""
        if not answer.is_success:
            raise self._problem(answer, answer.status, is_single=is_single)
        body = answers.strict(answer)
        if body.get("errors") or body.get("error"):
            code = answers.refusal(body).code
            raise self._problem(answer, code if 400 <= code < 600 else 400, is_single=is_single)
        return body

    def _problem(self, answer: Response, status: int, *, is_single: bool) -> ProviderError:
        body = answers.loose(answer)
        said = answers.refusal(body)
        words = self._account.hide(said.words or f"HTTP {status}")
        pause = waiting.asked_by(answer)
        if status == 429 or (status >= 500 and pause is not None):
            return RateLimited(f"Mautic wants to be left alone: {words}", retry_after=pause)
        if status >= 500 or status in (408, 425):
            return Transient(f"Mautic is in trouble: {words}", "server_error")
        if 300 <= status < 400:
            return BadResponse("The address redirects: enter the one that it leads to.", "redirected")
        if status == 401:
            hint = "" if self._account.auth == "oauth2" else " Is basic authentication switched on there?"
            return AuthFailed(f"Mautic refuses the sign-in: {words}{hint}", said.type or "access_denied")
        if body is None:
            return BadResponse(f"HTTP {status}, and not in Mautic’s way: is the address right?", "not_mautic")
        return _refused(status, said.type, words, is_single=is_single)


def _refused(status: int, type: str, words: str, *, is_single: bool) -> ProviderError:
    """Return what a refusal in Mautic's own words means."""
    if type == "api_disabled":
        return AuthFailed("Mautic’s API is switched off: see its Configuration, API Settings.", type)
    if status == 403 and not is_single:
        return AuthFailed(f"Mautic’s user may not: {words}", "permission_denied")
    if status == 403:
        return Invalid(f"Mautic’s user may not: {words}", "permission_denied")
    if status in (404, 410):
        return Gone(f"Mautic does not have it: {words}")
    return Invalid(f"Mautic refuses: {words}")


def _after(method: str, problem: ProviderError) -> ProviderError:
    """Return what a call that may have arrived has ended with: reading again does no harm."""
    return Unclear(problem.message, problem.code) if method == "PATCH" else problem


def _with(path: str, params: Params) -> str:
    return f"{path}?{urlencode(params)}" if params else path
