"""Google's side of OAuth 2.0: consents, codes, tokens, service accounts. State only; no network.

Sources: "Using OAuth 2.0 for Web Server Applications" and "… for Server to Server Applications" (Google,
2025-11), RFC 6749, RFC 7009, RFC 7523, RFC 7636.
"""

import base64
import hashlib
import itertools
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.google_accounts import ISSUER, Person

CLIENT_ID, CLIENT_SECRET = "client.apps.googleusercontent.test", "shh-of-the-client"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(slots=True)
class Token:
    """An access token. `is_service` tells a service account's."""

    subject: str
    scopes: frozenset[str]
    expires_at: float
    is_service: bool = False


@dataclass(slots=True)
class ServiceAccount:
    """A service account that exists, with the half of its key that Google keeps."""

    email: str
    client_id: str
    public_key: Any = field(repr=False)


class Refused(Exception):
    """An answer of the token endpoint that is no success."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


@dataclass
class Accounts:
    """What Google knows. `person` consents to whatever is asked but what is `unticked`; None says no.

    `lifetime` is how long access tokens live, in seconds; `claims` are put over those of identity tokens.
    """

    token_url: str = ""
    person: Person | None = None
    unticked: set[str] = field(default_factory=set)
    gives_refresh_tokens: bool = True
    lifetime: int = 3599
    claims: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)
    grants: dict[str, Token] = field(default_factory=dict)
    services: dict[str, ServiceAccount] = field(default_factory=dict)
    _codes: dict[str, tuple[Person, dict[str, str]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Any = field(default_factory=lambda: itertools.count(100_000_000_001))

    def consent(self, query: Mapping[str, str]) -> str:
        """Answer for the person; returns where the browser goes next."""
        self.asked.append(dict(query))
        state = {"state": query.get("state", "")}
        if self.person is None:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', **state})}"
        code = f"4/{secrets.token_urlsafe(24)}"
        self._codes[code] = (self.person, dict(query))
        more = {"scope": query.get("scope", ""), "authuser": "0", "prompt": "consent"}
        return f"{query['redirect_uri']}?{urlencode({'code': code, **state, **more})}"

    def issue(self, subject: str, scopes: frozenset[str], *, is_service: bool = False) -> tuple[str, str]:
        """Make an access token and, for a person, a refresh token of a consent."""
        access, refresh = f"ya29.{secrets.token_urlsafe(24)}", f"1//{secrets.token_urlsafe(24)}"
        token = Token(subject, scopes, time.time() + self.lifetime, is_service)
        with self._lock:
            self.tokens[access] = token
            if not is_service:
                self.grants[refresh] = token
        return access, refresh

    def add_service_account(self, email: str = "robot@project.iam.gserviceaccount.test") -> str:
        """Make a service account; returns the JSON file of its key."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        made = ServiceAccount(email, str(next(self._numbers)), private.public_key())
        self.services[email] = made
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "project",
                "private_key_id": secrets.token_hex(20),
                "private_key": pem.decode(),
                "client_email": email,
                "client_id": made.client_id,
                "auth_uri": "https://accounts.google.com/o/oauth2/auth",
                "token_uri": self.token_url,
            }
        )

    def expire(self) -> None:
        """End every access token there is."""
        with self._lock:
            self.tokens.clear()

    def forget(self, subject: str) -> None:
        """Have a person take their consent back at Google."""
        with self._lock:
            self.tokens = {key: token for key, token in self.tokens.items() if token.subject != subject}
            self.grants = {key: token for key, token in self.grants.items() if token.subject != subject}

    def token_of(self, authorization: str) -> Token | None:
        """Return the live token of an Authorization header."""
        found = self.tokens.get(authorization.removeprefix("Bearer "))
        return found if found is not None and found.expires_at > time.time() else None

    def exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer the token endpoint. Raises: Refused."""
        match form.get("grant_type"):
            case "authorization_code":
                return self._from_code(form)
            case "refresh_token":
                return self._from_refresh_token(form)
            case grant if grant == JWT_GRANT:
                return self._from_assertion(form)
        raise Refused(400, "unsupported_grant_type")

    def revoke(self, token: str) -> None:
        """End a consent. Raises: Refused."""
        held = self.grants.get(token) or self.tokens.get(token)
        if held is None:
            raise Refused(400, "invalid_token")
        self.revoked.append(held.subject)
        self.forget(held.subject)

    def _from_code(self, form: Mapping[str, str]) -> dict[str, Any]:
        self._check_client(form)
        person, query = self._codes.pop(form.get("code", ""), (None, {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_right = (
            person is not None
            and form.get("redirect_uri") == query["redirect_uri"]
            and query.get("code_challenge") == challenge
            and query.get("code_challenge_method") == "S256"
        )
        if not is_right or person is None:
            raise Refused(400, "invalid_grant")
        scopes = frozenset(query["scope"].split()) - self.unticked
        access, refresh = self.issue(person.sub, scopes)
        is_offline = query.get("access_type") == "offline" and self.gives_refresh_tokens
        more = {"refresh_token": refresh} if is_offline else {}
        return {**self._answer(access, scopes), **more, "id_token": self._identity(person)}

    def _from_refresh_token(self, form: Mapping[str, str]) -> dict[str, Any]:
        self._check_client(form)
        token = self.grants.get(form.get("refresh_token", ""))
        if token is None:
            raise Refused(400, "invalid_grant")
        self.refreshed.append(token.subject)
        access = f"ya29.{secrets.token_urlsafe(24)}"
        with self._lock:
            self.tokens[access] = Token(token.subject, token.scopes, time.time() + self.lifetime)
        return self._answer(access, token.scopes)

    def _from_assertion(self, form: Mapping[str, str]) -> dict[str, Any]:
        assertion = form.get("assertion", "")
        try:
            issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss", "")
            known = self.services[issuer]
            claims = jwt.decode(assertion, known.public_key, algorithms=["RS256"], audience=self.token_url)
        except (jwt.InvalidTokenError, KeyError) as error:
            raise Refused(400, "invalid_grant") from error
        if claims["exp"] - claims["iat"] > 3600:
            raise Refused(400, "invalid_grant")
        self.refreshed.append(issuer)
        scopes = frozenset(claims["scope"].split())
        access, _ = self.issue(issuer, scopes, is_service=True)
        return self._answer(access, scopes)

    def _check_client(self, form: Mapping[str, str]) -> None:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise Refused(401, "invalid_client")

    def _answer(self, access: str, scopes: frozenset[str]) -> dict[str, Any]:
        return {
            "access_token": access,
            "expires_in": self.lifetime,
            "scope": " ".join(sorted(scopes)),
            "token_type": "Bearer",
        }

    def _identity(self, person: Person) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "sub": person.sub,
            "email": person.email,
            "email_verified": person.is_verified,
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode({**claims, **self.claims}, "x" * 32, algorithm="HS256")
