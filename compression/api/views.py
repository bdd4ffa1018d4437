"""/compression/…, and the older system's addresses beside it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core import clock
from chatboost.core.api.idempotency import IdempotentView
from chatboost.core.api.parsers import StrictJSONParser
from chatboost.core.api.views import View
from chatboost.core.errors import NotFound
from chatboost.core.exchange.api import UploadParser
from chatboost.core.files import serve
from chatboost.core.models import File
from compression import links
from compression.api.paging import PARAMETERS, page_of
from compression.api.serializers import (
    AcceptedSerializer,
    CompletedSerializer,
    StatusSerializer,
    UploadSerializer,
)
from compression.models import CompressionRequest, Product
from compression.selectors import output_table
from compression.selectors import requests as selectors
from compression.services import completion, requests, signing
from compression.services.requests import Wishes
from compression.uploads import TableHandler
from compression.work.images import ORIGINALS, PURPOSE

VIEW, CHANGE = "compression.view_compressionrequest", "compression.change_compressionrequest"
_ID = OpenApiParameter("request_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
WISHES = ("mode", "quality", "percent", "output")


class TableParser(UploadParser):
    """A form with one table."""

    handler_class = TableHandler


class UploadView(IdempotentView):
    """Takes a table of image URLs."""

    permission_map: ClassVar[dict[str, str]] = {"post": CHANGE}
    parser_classes: Sequence[type[BaseParser]] = [TableParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, then look through the table before a key's transaction begins."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            setattr(self, "post", partial(self._with_table, getattr(self, "post")))  # noqa: B009, B010 as there

    @extend_schema(
        operation_id="compression_upload",
        request={"multipart/form-data": UploadSerializer},
        responses={202: AcceptedSerializer, 413: OpenApiResponse(description="The file is too large.")},
    )
    def post(self, request: Request) -> Response:
        """Compress the images of a table. What is wrong is said row by row, and then nothing is stored.

        Each image ends with an output or a named error; then the table with both is mailed, and the webhook
        called, once.
        """
        made = requests.store(
            organization=request.organization,  # type: ignore[attr-defined]
            submission=self._submission,
            actor=request.user,
        )
        return Response(
            AcceptedSerializer({"request_id": made.uuid}).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": f"{links.base()}/compression/status/{made.uuid}"},
        )

    def _with_table(
        self, handler: Callable[..., HttpResponseBase], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        body = UploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        upload = given["file"]
        self._submission = requests.check(
            email=given["email"],
            file=upload.file,
            file_name=upload.name,
            webhook_url=given.get("webhook_url", ""),
            wishes=Wishes(**{name: given.get(name) for name in WISHES}),
        )
        upload.seek(0)  # the key's fingerprint reads it, too
        return handler(request, *args, **kwargs)


class StatusView(View):
    """How far a request is."""

    permission_map = {"get": VIEW}

    @extend_schema(
        operation_id="compression_status", parameters=[_ID, *PARAMETERS], responses=StatusSerializer
    )
    def get(self, request: Request, request_id: str) -> Response:
        """Return a request, with its products page by page."""
        found = _request(request, request_id)
        page, page_size = page_of(request)
        rows = Product.objects.filter(request=found).order_by("id")
        products = list(rows[(page - 1) * page_size : page * page_size])
        if not products and page > 1:
            raise NotFound("There is no such page.", code="page_not_found")
        return Response(StatusSerializer(_document(found, products, page, page_size)).data)


class CancelView(IdempotentView):
    """Ends a request."""

    permission_map: ClassVar[dict[str, str]] = {"post": CHANGE}

    @extend_schema(
        operation_id="compression_cancel", request=None, parameters=[_ID], responses=AcceptedSerializer
    )
    def post(self, request: Request, request_id: str) -> Response:
        """Cancel a request: what is done stays, no e-mail is sent. 409 after its end."""
        row = requests.cancel(request=_request(request, request_id), actor=request.user)
        return Response(AcceptedSerializer({"request_id": row.uuid}).data)


class RetryFailedView(IdempotentView):
    """Tries failed images again."""

    permission_map: ClassVar[dict[str, str]] = {"post": CHANGE}

    @extend_schema(
        operation_id="compression_retry_failed",
        request=None,
        parameters=[_ID],
        responses={202: AcceptedSerializer},
    )
    def post(self, request: Request, request_id: str) -> Response:
        """Try the failed images again; e-mail and webhook follow again. 409 where none has failed."""
        row = requests.retry_failed(request=_request(request, request_id), actor=request.user)
        return Response(AcceptedSerializer({"request_id": row.uuid}).data, status=status.HTTP_202_ACCEPTED)


class Streamed(StreamingHttpResponse):
    """A table on its way. Django's own, under ASGI, reads all of it before the first byte goes out."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read piece by piece in the request's thread."""
        pieces = iter(self.streaming_content)  # type: ignore[arg-type]
        while (piece := await sync_to_async(lambda: next(pieces, None))()) is not None:
            yield piece


class OutputView(View):
    """The output table."""

    permission_map = {"get": VIEW}
    renderer_classes = [JSONRenderer]
    content_negotiation_class = serve.Anything

    @extend_schema(
        operation_id="compression_output",
        parameters=[_ID],
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, request_id: str) -> HttpResponseBase:
        """Return the table of inputs and outputs, as it is now."""
        found = _request(request, request_id)
        answer = Streamed(output_table.write(found), content_type=output_table.CONTENT_TYPE)
        answer["Cache-Control"] = "private, no-store"
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Content-Disposition"] = _attached(output_table.name_of(found))
        return answer


class ImageView(serve.FileView):
    """A compressed image, or its input as long as that is kept."""

    @extend_schema(
        operation_id="compression_image",
        tags=["compression"],
        parameters=[
            OpenApiParameter("file_id", OpenApiTypes.UUID, OpenApiParameter.PATH),
            OpenApiParameter(
                "token",
                {"type": "string", "maxLength": serve.MAX_TOKEN},
                description="Of a signed link; needs no account.",
            ),
            OpenApiParameter(
                "Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="One range of bytes."
            ),
            OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER),
        ],
        responses={
            (200, "image/*"): OpenApiTypes.BINARY,
            (206, "image/*"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="The copy is the same."),
            416: OpenApiResponse(description="The range lies outside the file."),
        },
    )
    def get(self, request: Request, file_id: str) -> HttpResponseBase:
        """Return the bytes, or one range of them."""
        file = self.allowed(request, UUID(file_id))
        if file.purpose not in (PURPOSE, ORIGINALS):
            raise NotFound("No such image.")
        return serve.respond(request, file, _manner(request, file))


class CompletedView(View):
    """`/webhook-completed`: has the e-mail of a request sent."""

    access = "whoever signs with the installation's secret, or the organization's key"
    authentication_classes: Sequence[Any] = []
    permission_classes = [AllowAny]
    parser_classes = [StrictJSONParser]

    @extend_schema(
        operation_id="compression_webhook_completed",
        tags=["compression"],
        auth=[],
        request=CompletedSerializer,
        parameters=[
            OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, required=True)
            for name in (signing.TIMESTAMP, signing.SIGNATURE)
        ],
        responses=CompletedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Send the e-mail with the output table of a request that has ended, unless it was sent."""
        raw = request._request.body
        body = CompletedSerializer(data=request.data)
        given = body.validated_data["request_id"] if body.is_valid() else None
        found = CompressionRequest.objects.across_organizations().filter(uuid=given).first()
        # Before anything is said about the body: whoever can't sign learns nothing.
        signing.require(raw, request.headers, found.organization_id if found else 0)
        body.is_valid(raise_exception=True)
        if found is None:
            raise NotFound("No such request.")
        completion.send_mail(found)
        return Response(CompletedSerializer({"request_id": found.uuid}).data)


def _request(request: Request, request_id: str) -> CompressionRequest:
    return selectors.get(request.organization, UUID(request_id))  # type: ignore[attr-defined]


def _attached(name: str) -> str:
    return content_disposition_header(as_attachment=True, filename=name) or "attachment"


def _document(
    found: CompressionRequest, products: Sequence[Product], page: int, page_size: int
) -> Mapping[str, Any]:
    has_more = page * page_size < found.row_count
    query = urlencode({"page": page + 1, "page_size": page_size})
    return {
        "request_id": found.uuid,
        "email": found.email,
        "status": found.state.upper(),
        "no_img_compressed": found.done_count,
        "total_images": found.total_count,
        "product_details": selectors.details(found, products),
        "progress": selectors.progress(found),
        "failed_images": found.failed_count,
        "bytes_before": found.bytes_before,
        "bytes_after": found.bytes_after,
        "products": {
            "count": found.row_count,
            "page": page,
            "page_size": page_size,
            "next": f"{links.base()}/compression/status/{found.uuid}?{query}" if has_more else None,
        },
        "created_at": found.created_at,
        "finished_at": found.finished_at,
    }


def _manner(request: Request, file: File) -> serve.Manner:
    """Let copies be kept as long as the file is; its address never means anything else."""
    left = (file.expires_at - clock.now()).total_seconds() if file.expires_at else 365 * 86400
    whose = "public" if request.query_params.get("token") else "private"
    return serve.Manner(
        cache=f"{whose}, max-age={max(0, int(left))}, immutable", disposition="inline", has_validator=True
    )
