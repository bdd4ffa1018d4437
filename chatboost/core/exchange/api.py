"""Import and export over the API: a room subclasses both views and names its kinds.

An upload goes into a temporary file while it is received and from there into the storage, before the
transaction of an `Idempotency-Key` begins; a repeat that gets the first answer again leaves no file behind.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.http.multipartparser import MultiPartParser as DjangoMultiPartParser
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from chatboost.core import files, strict_json
from chatboost.core.api.idempotency import REPLAYED, IdempotentView
from chatboost.core.api.jobs import JobSerializer
from chatboost.core.api.parsers import StrictJSONParser
from chatboost.core.api.serializers import Serializer
from chatboost.core.exchange import services, staging, uploads, writing
from chatboost.core.models import File, Job

MAX_ROWS = 1000
"""Rows of one JSON body; more come as a file."""

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", "tab": "tab"}


class UploadParser(MultiPartParser):
    """A form with one file."""

    handler_class: ClassVar[type[uploads.Handler]] = uploads.Handler

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        """Return the fields and the file. Raises: ParseError, FileTooLarge."""
        request = (parser_context or {})["request"]
        meta = {**request.META, "CONTENT_TYPE": media_type}
        handler = self.handler_class(request)
        try:
            data, sent = DjangoMultiPartParser(meta, stream, [handler], "utf-8").parse()
            for name, values in data.lists():
                for text in (name, *values):
                    strict_json.require_text(text)
        except (MultiPartParserError, ValueError) as error:
            raise ParseError(f"Malformed form: {error}", code="malformed_body") from error
        return DataAndFiles(data, sent)


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": 50,
        "additionalProperties": {"type": ["string", "null"], "maxLength": 200},
    }
)
class MappingField(serializers.JSONField):
    """Headings of the file with what they are to be read as; null leaves a column out."""

    def to_internal_value(self, data: Any) -> dict[str, str | None]:
        """Return the mapping; in a form it is JSON. Raises ValidationError."""
        value: Any = super().to_internal_value(data)
        if isinstance(value, str):
            try:
                value = strict_json.loads(value.encode())
            except strict_json.Malformed as error:
                raise serializers.ValidationError("This is no JSON.") from error
        is_mapping = isinstance(value, dict) and all(
            one is None or (isinstance(one, str) and len(one) <= 200) for one in value.values()
        )
        if not is_mapping or len(value) > 50:
            raise serializers.ValidationError("This is no object of at most 50 headings with texts or null.")
        return value


class ImportOptionsSerializer(Serializer):
    """How an import is done."""

    dry_run = serializers.BooleanField(default=False, help_text="Check and count everything, write nothing.")
    mapping = MappingField(required=False, help_text='JSON object: {"Handy": "phone", "Notes": null}')


class ImportFileSerializer(ImportOptionsSerializer):
    """A file to import: CSV, Excel (.xlsx), a JSON array or JSON lines; told by its content."""

    file = serializers.FileField(allow_empty_file=True, use_url=False)
    delimiter = serializers.ChoiceField(
        choices=list(DELIMITERS.items()), required=False, help_text="Of a CSV; found by itself if not given."
    )
    charset = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=40,
        help_text="Of a text, such as utf-8 or cp1252; found if not given.",
    )


class ImportRowsSerializer(ImportOptionsSerializer):
    """A few rows to import: objects whose keys are the columns."""

    rows = serializers.ListField(
        child=serializers.DictField(),
        allow_empty=False,
        max_length=MAX_ROWS,
    )


class ImportView(IdempotentView):
    """Takes a file, or some rows, and answers with the job that imports them."""

    kind: ClassVar[str]
    permission_map: ClassVar[dict[str, str]]
    parser_classes: Sequence[type[BaseParser]] = [StrictJSONParser, UploadParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, then put the storing of the file around the key's transaction."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            setattr(self, "post", partial(self._with_file, getattr(self, "post")))  # noqa: B009, B010 as above

    @extend_schema(
        request={"multipart/form-data": ImportFileSerializer, "application/json": ImportRowsSerializer},
        responses={202: JobSerializer, 413: OpenApiResponse(description="The file is too large.")},
    )
    def post(self, request: Request) -> Response:
        """Import rows in the background. `GET /jobs/{id}` says how far it is, and which rows were rejected.

        Rows are found by their key and created or updated; an empty cell leaves a value, `--` clears it.
        """
        given, file = self._given, self._file
        options = staging.Options(
            given.get("charset", ""), given.get("delimiter", ""), given.get("mapping") or {}
        )
        job = services.start_import(
            kind=self.kind,
            organization_id=file.organization_id,
            actor=request.user,
            file=file.uuid,
            options=options,
            is_dry_run=given["dry_run"],
        )
        return accepted(job, request)

    def _with_file(
        self, handler: Callable[..., HttpResponseBase], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        self._given = self._read(request)
        self._file = self._store(request, self._given)
        is_taken = False
        try:
            response = handler(request, *args, **kwargs)
            is_taken = 200 <= response.status_code < 300 and REPLAYED not in response.headers
        finally:
            if not is_taken:
                files.delete(self._file)
        return response

    def _read(self, request: Request) -> dict[str, Any]:
        is_file = (request.content_type or "").startswith("multipart/")
        data = request.data
        body = ImportFileSerializer(data=data) if is_file else ImportRowsSerializer(data=data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def _store(self, request: Request, given: Mapping[str, Any]) -> File:
        upload = given.get("file")
        chunks: Iterable[bytes] = upload.chunks() if upload is not None else _lines(given["rows"])
        stored = services.store(
            organization_id=request.organization.pk,  # type: ignore[attr-defined]
            permission=self.permission_map["post"],
            name=upload.name if upload is not None else "rows.jsonl",
            chunks=chunks,
        )
        if upload is not None:
            upload.seek(0)  # the key's fingerprint reads it, too
        return stored


class ExportSerializer(Serializer):
    """What is exported, and as what. A room adds its `filters`."""

    format = serializers.ChoiceField(choices=[(one.name, one.title) for one in writing.FORMATS.values()])


class ExportView(IdempotentView):
    """Answers with the job that writes a file; a room adds `post` with its serializer, for the schema."""

    kind: ClassVar[str]
    permission_map: ClassVar[dict[str, str]]
    serializer_class: ClassVar[type[ExportSerializer]] = ExportSerializer

    def start(self, request: Request) -> Response:
        """Start the job."""
        body = self.serializer_class(data=request.data)
        body.is_valid(raise_exception=True)
        filters = {name: _plain(value) for name, value in body.validated_data.get("filters", {}).items()}
        job = services.start_export(
            kind=self.kind,
            organization_id=request.organization.pk,  # type: ignore[attr-defined]
            actor=request.user,
            format=body.validated_data["format"],
            filters=filters,
        )
        return accepted(job, request)


def accepted(job: Job, request: Request) -> Response:
    """Answer 202 with a job and where to follow it."""
    address = reverse("job-detail", args=[job.pk], request=request)
    return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED, headers={"Location": address})


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
