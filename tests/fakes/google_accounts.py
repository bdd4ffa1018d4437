"""Google's sign-in, on loopback: the page that asks for consent, and the endpoint that takes codes.

Sources: https://developers.google.com/identity/openid-connect/openid-connect (2025-11), RFC 6749 §4.1,
RFC 7636.
"""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt

from tests.fakes.server import Answer, LoopbackServer, Request, json_answer

ISSUER = "https://accounts.google.com"


@dataclass(slots=True)
class Person:
    """Who is at the browser, as Google knows them."""

    sub: str
    email: str
    is_verified: bool = True
    given_name: str = "Ada"
    family_name: str = "Lovelace"


@dataclass(slots=True)
class GoogleAccountsFake:
    """A running Google. `person` consents to whatever is asked; None says no.

    `claims` are put over those of the next identity tokens; `problems` is what a caller did wrong.
    """

    client_id: str = "client.apps.googleusercontent.test"
    client_secret: str = "shh"
    person: Person | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, tuple[Person, dict[str, str]]] = field(default_factory=dict)
    _server: LoopbackServer | None = None

    def __enter__(self) -> "GoogleAccountsFake":
        self._server = LoopbackServer(self._answer)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.stop()

    @property
    def authorize_url(self) -> str:
        """Where browsers go."""
        assert self._server is not None
        return f"{self._server.url}/o/oauth2/v2/auth"

    @property
    def token_url(self) -> str:
        """Where codes are taken."""
        assert self._server is not None
        return f"{self._server.url}/token"

    def consent(self, query: dict[str, str]) -> str:
        """Answer for the person; returns where the browser goes next."""
        self.asked.append(query)
        if query.get("client_id") != self.client_id or query.get("response_type") != "code":
            self.problems.append("wrong client or response type")
        state = {"state": query.get("state", "")}
        if self.person is None:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', **state})}"
        code = secrets.token_urlsafe(16)
        self._codes[code] = (self.person, query)
        return f"{query['redirect_uri']}?{urlencode({'code': code, **state})}"

    def _answer(self, request: Request) -> Answer:
        if request.path == "/o/oauth2/v2/auth":
            return Answer(status=302, headers={"Location": self.consent(dict(request.query))})
        if request.path == "/token" and request.method == "POST":
            return self._exchange(dict(parse_qsl(request.body.decode())))
        return json_answer({"error": "not_found"}, status=404)

    def _exchange(self, form: dict[str, str]) -> Answer:
        person, query = self._codes.pop(form.get("code", ""), (None, {}))
        if person is None:
            return json_answer({"error": "invalid_grant"}, status=400)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_right = (
            form.get("client_id") == self.client_id
            and form.get("client_secret") == self.client_secret
            and form.get("redirect_uri") == query["redirect_uri"]
            and query.get("code_challenge") == challenge
            and query.get("code_challenge_method") == "S256"
        )
        if not is_right:
            self.problems.append("wrong credentials, address or verifier")
            return json_answer({"error": "invalid_client"}, status=401)
        return json_answer(
            {
                "access_token": secrets.token_urlsafe(16),
                "expires_in": 3599,
                "scope": query.get("scope", ""),
                "token_type": "Bearer",
                "id_token": self._identity(person),
            }
        )

    def _identity(self, person: Person) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": self.client_id,
            "azp": self.client_id,
            "sub": person.sub,
            "email": person.email,
            "email_verified": person.is_verified,
            "given_name": person.given_name,
            "family_name": person.family_name,
            "name": f"{person.given_name} {person.family_name}",
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode({**claims, **self.claims}, "x" * 32, algorithm="HS256")
