"""Google's OAuth 2.0: consent, tokens, revocation. Of people's accounts, and of service accounts.

Sources: "Using OAuth 2.0 for Web Server Applications" and "… for Server to Server Applications" (Google,
2025-11), RFC 6749 sections 4.1 and 5.2, RFC 7009, RFC 7523, RFC 7636, OpenID Connect Core 3.1.3.7.
"""

import base64
import binascii
import functools
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from chatboost.core.errors import DomainError
from chatboost.core.http import client as http
from chatboost.core.http import waiting

MAX_ANSWER_BYTES = 64 * 1024
# Characters of a token, of a subject, of an address: more is none that Google gives.
MAX_TOKEN, MAX_SUBJECT, MAX_EMAIL = 8192, 191, 254
MAX_LIFETIME = timedelta(days=1)
ISSUERS = {"https://accounts.google.com", "accounts.google.com"}
# Who says "invalid_grant" has thrown the grant away; these say that our registration is wrong.
_OUR_FAULT = {"invalid_client", "unauthorized_client", "deleted_client", "org_internal", "invalid_scope"}
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class GoogleProblem(DomainError):
    """Google says no, or nothing that can be used; the message is for people."""

    status = 409
    default_code = "google_refused"


class GrantRevoked(GoogleProblem):
    """The consent or the key does not count any more."""

    default_code = "grant_revoked"


class GoogleUnavailable(GoogleProblem):
    """Google was not reached, or asks to wait for `after`; the same may work later."""

    default_code = "google_unavailable"

    def __init__(self, message: str, *, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True, slots=True)
class Consent:
    """Where the browser goes to ask a person, and the secret that proves later that we sent it."""

    url: str
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """An access token and how long it lives; `refresh_token` is empty where the one before stays."""

    access_token: str = field(repr=False)
    lifetime: timedelta
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person has consented to, and who they are at Google."""

    tokens: Tokens
    scopes: frozenset[str]
    subject: str
    email: str


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """What signs for a service account."""

    email: str
    subject: str
    key_id: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registration:
    """Our registration at Google, and Google's addresses."""

    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    revoke_url: str
    deadline: timedelta


class GoogleOAuth:
    """Speaks to Google about consent and tokens. Safe to share between threads."""

    def __init__(self, registration: Registration) -> None:
        """Prepare the adapter; nothing is sent."""
        self._own = registration

    def consent(
        self, *, scopes: Sequence[str], redirect_uri: str, state: str, login_hint: str = ""
    ) -> Consent:
        """Return where to send the browser. Every time Google asks anew, and gives a refresh token.

        Google's own helper (google-auth-oauthlib) takes no address without TLS, and so none on loopback.
        """
        verifier = secrets.token_urlsafe(64)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "response_type": "code",
            "client_id": self._own.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "access_type": "offline",
            "prompt": "consent",
            **({"login_hint": login_hint} if login_hint else {}),
        }
        return Consent(f"{self._own.authorize_url}?{urlencode(query)}", verifier)

    def exchange(self, *, code: str, verifier: str, redirect_uri: str) -> Grant:
        """Take a code to Google. Raises: GoogleProblem."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        answer = self._ask_for_tokens({**form, **self._credentials(), "code_verifier": verifier})
        claims = _claims(answer.get("id_token"))
        is_ours = claims.get("aud") == self._own.client_id and claims.get("iss") in ISSUERS
        expires = claims.get("exp")
        if not is_ours or not isinstance(expires, int) or expires < time.time():
            raise GoogleProblem("Google names nobody, or somebody who came for another application.")
        scopes = answer.get("scope")
        return Grant(
            tokens=_tokens(answer),
            scopes=frozenset(scopes.split()) if isinstance(scopes, str) else frozenset(),
            subject=_text(claims.get("sub"), MAX_SUBJECT),
            email=_text(claims.get("email"), MAX_EMAIL, is_optional=True),
        )

    def refresh(self, refresh_token: str) -> Tokens:
        """Return a new access token. Raises: GrantRevoked, GoogleUnavailable, GoogleProblem."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _tokens(self._ask_for_tokens({**form, **self._credentials()}))

    def sign_in(self, key: ServiceKey, scopes: Sequence[str]) -> Tokens:
        """Return an access token of a service account. Raises: as `refresh`."""
        return _tokens(
            self._ask_for_tokens({"grant_type": _JWT_GRANT, "assertion": self._assertion(key, scopes)})
        )

    def revoke(self, token: str) -> None:
        """End a grant with all of its tokens. One that has ended already is no error.

        Raises: GoogleUnavailable, GoogleProblem.
        """
        answer = self._post(self._own.revoke_url, {"token": token})
        said = _said(answer)
        if answer.is_success or (answer.status == 400 and said.get("error") == "invalid_token"):
            return
        raise _problem(answer, said)

    def _credentials(self) -> dict[str, str]:
        return {"client_id": self._own.client_id, "client_secret": self._own.client_secret}

    def _assertion(self, key: ServiceKey, scopes: Sequence[str]) -> str:
        from google.auth import crypt, jwt

        signer: Any = crypt.RSASigner.from_string(key.private_key, key_id=key.key_id or None)
        now = int(time.time())
        claims = {
            "iss": key.email,
            "scope": " ".join(scopes),
            "aud": self._own.token_url,
            "iat": now,
            "exp": now + 3600,
        }
        signed: bytes = jwt.encode(signer, claims)
        return signed.decode()

    def _ask_for_tokens(self, form: Mapping[str, str]) -> dict[str, Any]:
        answer = self._post(self._own.token_url, form)
        said = _said(answer)
        if not answer.is_success:
            raise _problem(answer, said)
        return said

    def _post(self, url: str, form: Mapping[str, str]) -> http.Response:
        parts = urlsplit(url)
        client = _shared_client(os.getpid(), f"{parts.scheme}://{parts.netloc}", self._own.deadline)
        try:
            return client.request("POST", parts.path, data=dict(form))
        except http.HttpError as problem:
            raise GoogleUnavailable(f"Google does not answer: {problem}") from None


@functools.lru_cache(maxsize=8)
def _shared_client(process_id: int, base_url: str, deadline: timedelta) -> http.VendorClient:
    """Return the client that keeps connections; a forked child must not write into its parent's."""
    return http.VendorClient(base_url=base_url, deadline=deadline, max_bytes=MAX_ANSWER_BYTES)


def _problem(answer: http.Response, said: Mapping[str, Any]) -> GoogleProblem:
    """Return what a refusal means. Its own word counts before the status. Source: RFC 6749 section 5.2."""
    word = said.get("error") if isinstance(said.get("error"), str) else ""
    if answer.status == 429 or answer.status >= 500:
        return GoogleUnavailable(f"Google answers {answer.status}.", after=waiting.asked_by(answer))
    if word == "invalid_grant":
        return GrantRevoked("Google does not accept this consent or key, or not any longer.")
    if word in _OUR_FAULT:
        return GoogleProblem(f"Google does not know this installation as it is set up ({word}).")
    return GoogleProblem(f"Google refuses: {_printable(str(word or f'HTTP {answer.status}'))}.")


def _said(answer: http.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except http.BadBody:
        return {}
    return found if isinstance(found, dict) else {}


def _tokens(answer: Mapping[str, Any]) -> Tokens:
    seconds = answer.get("expires_in")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        raise GoogleProblem("Google’s answer has no token that can be used.")
    return Tokens(
        access_token=_text(answer.get("access_token"), MAX_TOKEN),
        lifetime=min(timedelta(seconds=min(seconds, 10**6)), MAX_LIFETIME),
        refresh_token=_text(answer.get("refresh_token"), MAX_TOKEN, is_optional=True),
    )


def _text(value: Any, longest: int, *, is_optional: bool = False) -> str:
    """Return a word of visible ASCII letters. Raises: GoogleProblem, unless it may be missing."""
    if isinstance(value, str) and 0 < len(value) <= longest and value.isascii() and value.isprintable():
        return value
    if is_optional and not value:
        return ""
    raise GoogleProblem("Google’s answer can’t be read.")


def _claims(id_token: Any) -> dict[str, Any]:
    """Read an identity token. It came from Google itself, by TLS, so its signature says nothing more."""
    parts = id_token.split(".") if isinstance(id_token, str) else []
    if len(parts) != 3:
        return {}
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[:100]
