"""`Idempotency-Key`: a POST that is sent again gets the first answer again, and changes nothing.

The record of a key is inserted in the transaction of the request's own changes, so both exist or neither.
A twin that comes meanwhile waits at the unique key: for the answer, or for the key to be free again.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from chatboost.core import clock
from chatboost.core.api.views import View
from chatboost.core.db import outage
from chatboost.core.db.retry import retry_tx
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.models import IdempotencyRecord

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)
_KEY = re.compile(r"[\x20-\x7e]{1,255}")

# One statement decides who is first; a record past its time counts as none, and its row is taken over.
_CLAIM = """
INSERT INTO core_idempotencyrecord AS record
  (organization_id, key, fingerprint, status, body, content_type, created_at)
VALUES (%(scope)s, %(key)s, %(fingerprint)s, 0, '', '', %(now)s)
ON CONFLICT (organization_id, key) DO UPDATE
  SET fingerprint = excluded.fingerprint, status = 0, body = '', created_at = excluded.created_at
  WHERE record.created_at < %(expired)s
RETURNING id
"""

Handler = Callable[..., HttpResponseBase]


class KeyReused(Conflict):
    """The key came with another request before."""

    default_code = "idempotency_key_reused"


class InProgress(Conflict):
    """The first request with this key has not ended yet."""

    default_code = "idempotency_in_progress"
    # Seconds, for Retry-After.
    wait = 1


class IdempotentView(View):
    """Makes every POST of a view repeatable by `Idempotency-Key`."""

    # Actions that call a vendor while they answer, so outside any transaction: keys change nothing there.
    unkeyed_actions: frozenset[str] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, then put the key's transaction around the handler."""
        super().initial(request, *args, **kwargs)
        key = request.headers.get(HEADER)
        # A viewset has `post` from its route, and none where that serves no POST.
        handler = getattr(self, "post", None)
        if request.method != "POST" or handler is None or key is None or self._is_unkeyed():
            return
        scope = self.idempotency_scope()
        if scope is None:
            return
        if not _KEY.fullmatch(key):
            raise ValidationFailed(
                f"{HEADER} has 1 to 255 printable ASCII characters.", code="invalid_idempotency_key"
            )
        setattr(self, "post", _Call(self, handler, scope, key))  # noqa: B010 no such attribute, says mypy

    def idempotency_scope(self) -> int | None:
        """Return whose keys these are: the organization's id. None: this route takes no keys."""
        organization = getattr(self.request, "organization", None)
        return organization.pk if organization else None

    def _is_unkeyed(self) -> bool:
        return getattr(self, "action", None) in self.unkeyed_actions


class _Call:
    """One keyed request: the handler, in a transaction with its record."""

    def __init__(self, view: APIView, handler: Handler, scope: int, key: str) -> None:
        self._view = view
        self._handler = handler
        self._scope = scope
        self._key = key

    def __call__(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer for the first time, or again. Raises: KeyReused, InProgress."""
        fingerprint = _fingerprint(request)
        return retry_tx(lambda: self._run(fingerprint, request, *args, **kwargs))

    @transaction.atomic
    def _run(self, fingerprint: str, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        record_id = self._claim(fingerprint)
        if record_id is None:
            return self._replay(fingerprint)
        # What the handler raises rolls the record back with everything else: the key stays free.
        response = self._handler(request, *args, **kwargs)
        record = IdempotencyRecord.objects.filter(pk=record_id)
        text = self._text(response, request, *args, **kwargs)
        if text is None:
            record.delete()
        else:
            content_type = response.headers.get("Content-Type", "")
            record.update(status=response.status_code, body=text, content_type=content_type)
        return response

    def _text(self, response: HttpResponseBase, request: Request, *args: Any, **kwargs: Any) -> str | None:
        """Return the body of an answer that can be given again; None: it is no success, or no text."""
        if not 200 <= response.status_code < 300 or not isinstance(response, HttpResponse):
            return None
        view: Any = self._view  # its stubs take no plain HttpResponse
        view.finalize_response(request, response, *args, **kwargs)
        if isinstance(response, SimpleTemplateResponse):
            response.render()
        try:
            return response.content.decode()
        except UnicodeDecodeError:
            return None

    def _claim(self, fingerprint: str) -> int | None:
        """Return the id of the new record; None when the key is taken. Waits while it is being taken."""
        adapt, now = connection.ops.adapt_datetimefield_value, clock.now()
        parameters: dict[str, Any] = {
            "scope": self._scope,
            "key": self._key,
            "fingerprint": fingerprint,
            "now": adapt(now),
            "expired": adapt(now - KEPT_FOR),
        }
        try:
            with connection.cursor() as cursor:
                cursor.execute(_CLAIM, parameters)
                row = cursor.fetchone()
        except OperationalError as error:
            if outage.sqlstate(error) == outage.LOCK_TIMEOUT:
                raise _in_progress() from error
            raise
        return row[0] if row else None

    def _replay(self, fingerprint: str) -> HttpResponse:
        record = IdempotencyRecord.objects.filter(organization_id=self._scope, key=self._key).first()
        if record is None:
            raise _in_progress()  # it was just cleaned away: the next try is the first
        if record.fingerprint != fingerprint:
            raise KeyReused("This Idempotency-Key came with another request before.")
        answer = HttpResponse(
            record.body, status=record.status, content_type=record.content_type or "text/plain"
        )
        if not record.content_type:
            del answer["Content-Type"]
        answer[REPLAYED] = "true"
        return answer


def _in_progress() -> InProgress:
    return InProgress("The first request with this Idempotency-Key is still being worked on.")


def _fingerprint(request: Request) -> str:
    """Hash what must be the same: caller, method, path, query and body."""
    inner = request._request
    digest = hashlib.sha256()
    for part in (str(request.user.pk), inner.method or "", inner.get_full_path()):
        digest.update(part.encode() + b"\n")
    if (inner.content_type or "").startswith("multipart/"):
        _add_form(digest, request)  # its raw bytes hold a boundary that no two requests share
    else:
        digest.update(inner.body)
    return digest.hexdigest()


def _add_form(digest: Any, request: Request) -> None:
    form: Any = request.data
    for name, values in sorted(form.lists()):
        for value in values:
            is_file = hasattr(value, "chunks")
            digest.update(f"{name}\n{value.name if is_file else value}\n".encode())
            for chunk in value.chunks() if is_file else ():
                digest.update(chunk)
            if is_file:
                value.seek(0)
