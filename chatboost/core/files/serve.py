"""`/files/{uuid}`: a file for whoever holds a signed link to it, or a role with its permission."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import FileResponse, HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from chatboost.core.api.permissions import OrganizationRequired
from chatboost.core.api.views import View
from chatboost.core.errors import NotFound
from chatboost.core.files import links, ranges, store, streams
from chatboost.core.models import File
from chatboost.core.tenancy import activity

MAX_TOKEN = 1000

HEADERS = {
    "Accept-Ranges": "bytes",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    # Compressing a part would break its place in the whole: this keeps the middleware from it.
    "Content-Encoding": "identity",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a file is handed out. With a validator (an ETag) a copy can be kept, and asked about."""

    cache: str
    disposition: Literal["attachment", "inline"]
    has_validator: bool


ONCE = Manner(cache="private, no-store", disposition="attachment", has_validator=False)


class Blocks(FileResponse):
    """A file in blocks. Django's own, under ASGI, reads a whole file before the first byte goes out."""

    block_size = store.BLOCK

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read block by block in the request's thread."""
        blocks = iter(self.streaming_content)  # type: ignore[arg-type]
        while block := await sync_to_async(lambda: next(blocks, b""))():
            yield block


class Anything(BaseContentNegotiation):
    """The answer is what the file is, whatever the client says it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """There is no body to parse."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Render problems as JSON."""
        return renderers[0], renderers[0].media_type


class FileView(View):
    """Serves one file. What the caller may not have looks like what does not exist: 404."""

    access = "the file's own permission, or a signed link"
    # Asked below, where the file's own permission is known.
    permission_classes = [AllowAny]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = Anything
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="files_retrieve",
        tags=["files"],
        parameters=[
            OpenApiParameter("uuid", OpenApiTypes.UUID, OpenApiParameter.PATH),
            OpenApiParameter(
                "token",
                {"type": "string", "maxLength": MAX_TOKEN},
                description="Of a signed link; needs no account.",
            ),
            OpenApiParameter(
                "Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="One range of bytes."
            ),
        ],
        responses={
            (200, "*/*"): OpenApiTypes.BINARY,
            (206, "*/*"): OpenApiTypes.BINARY,
            416: OpenApiResponse(description="The range lies outside the file."),
        },
    )
    def get(self, request: Request, uuid: str) -> HttpResponseBase:
        """Return the file, or one range of it, as an attachment."""
        return respond(request, self.allowed(request, UUID(uuid)))

    def allowed(self, request: Request, uuid: UUID) -> File:
        """Return the file, if the caller may have it.

        Raises: NotFound, NotAuthenticated, OrganizationRequired.
        """
        token = request.query_params.get("token")
        if token and len(token) > MAX_TOKEN:
            raise NotFound("No such file.")
        if token and links.is_valid(token, uuid):
            return _find(uuid)
        if not request.user or not request.user.is_authenticated:
            raise NotFound("No such file.") if token else NotAuthenticated
        organization = getattr(request, "organization", None)
        if organization is None:
            raise OrganizationRequired("Name the organization in the X-Organization header.")
        file = store.get(uuid, organization.pk)
        if not request.user.has_perm(file.permission, organization):
            raise NotFound("No such file.")
        return file


def respond(request: Request, file: File, manner: Manner = ONCE) -> HttpResponseBase:
    """Answer with a file that the caller may have.

    200, 206 for one range, 416 for one outside it, 304 for a copy that is the same.
    """
    headers = {**HEADERS, "Cache-Control": manner.cache}
    etag = f'"{file.sha256}"' if manner.has_validator else ""
    if etag:
        headers["ETag"] = etag
        if etag in (one.strip().removeprefix("W/") for one in _given(request, "If-None-Match").split(",")):
            return HttpResponse(status=304, headers=headers)
    try:
        span = ranges.parse(_range(request, etag), file.size)
    except ranges.Unsatisfiable:
        headers["Content-Range"] = f"bytes */{file.size}"
        return HttpResponse(status=416, headers=headers, content_type="text/plain")
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{file.size}"
    answered = span or ranges.Span(0, file.size)
    return Blocks(
        streams.Part(
            store.open(file),
            start=answered.start,
            length=0 if request.method == "HEAD" else answered.length,
        ),
        status=200 if span is None else 206,
        headers={**headers, "Content-Length": str(answered.length)},
        content_type=file.content_type,
        as_attachment=manner.disposition == "attachment",
        filename=file.name,
    )


def _range(request: Request, etag: str) -> str | None:
    # A condition on a validator that we did not hand out is never met.
    condition = request.headers.get("If-Range")
    is_met = condition is None or (bool(etag) and condition == etag)
    return request.headers.get("Range") if is_met else None


def _given(request: Request, name: str) -> str:
    return str(request.headers.get(name, ""))


def _find(uuid: UUID) -> File:
    file = store.ready().filter(uuid=uuid).first()
    if file is None or activity.inactive({file.organization_id}):
        raise NotFound("No such file.")
    return file
