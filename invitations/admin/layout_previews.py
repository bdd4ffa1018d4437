"""Pictures of layouts: beside the editor, in lists, and specimens of fonts."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.templatetags.static import static

from chatboost.core import files
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.errors import DomainError, NotFound, ValidationFailed
from invitations import providers, thumbnails
from invitations.admin.asked import CHANGE_LAYOUTS, VIEW_ASSETS, VIEW_LAYOUTS
from invitations.choices import AssetKind
from invitations.models import InvitationSource, LayoutAsset, LayoutVersion
from invitations.providers.base import ProviderError
from invitations.services import previews, sources
from invitations.services.previews import Subject

MAX_DOCUMENT: Final = 200_000
# So many contacts of a source are offered to choose from.
OFFERED: Final = 50
# A version and an asset's file never change under their names.
KEPT: Final = "private, max-age=604800, immutable"
# Stands for what can't be drawn: a file that is gone, a document that counts no more.
NO_PICTURE: Final = "invitations/no-picture.svg"
# How long a drawn one is remembered for whoever else looks.
REMEMBERED: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Somebody who is nobody, to try a layout with."""

    title: str
    values: Mapping[str, str]


MADE_UP: Final[Mapping[str, MadeUp]] = {
    "short": MadeUp("A short name", {"name": "Ada Byron", "firstname": "Ada", "lastname": "Byron"}),
    "long": MadeUp(
        "A very long name",
        {
            "name": "Maximiliane-Theodora von Hohenstein-Lichtenberg",
            "firstname": "Maximiliane-Theodora",
            "lastname": "von Hohenstein-Lichtenberg",
        },
    ),
    "urdu": MadeUp("An Urdu name", {"name": "عائشہ صدیقی", "firstname": "عائشہ", "lastname": "صدیقی"}),
    "emoji": MadeUp(
        "A name with emoji", {"name": "Zoë Núñez 🎉", "firstname": "Zoë", "lastname": "Núñez 🎉"}
    ),
}
# What a font is shown with: one layer, set by the font alone.
_SPECIMEN: Final = "Hamburgefonts 0123\nعائشہ · Zoë · Ωμέγα"


class PreviewPages:
    """Mixin of the layouts' pages: what the editor asks for, and pictures for others."""

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """Draw what was typed for whoever was chosen; what is wrong comes with the path it is about."""
        _require(request, CHANGE_LAYOUTS)
        started = time.perf_counter()
        try:
            preview = previews.draw(_subject(request))
        except DomainError as refusal:
            problems = _problems(refusal)
            return JsonResponse({"problems": problems, "problem": "" if problems else refusal.message})
        picture = base64.b64encode(preview.content).decode()
        return JsonResponse(
            {
                "image": f"data:{preview.media_type};base64,{picture}",
                "width": preview.width,
                "height": preview.height,
                "kilobytes": -(-len(preview.content) // 1024),
                "milliseconds": round((time.perf_counter() - started) * 1000),
                "warnings": preview.warnings,
            }
        )

    def contacts_view(self, request: HttpRequest) -> JsonResponse:
        """Name the first contacts of a source."""
        _require(request, CHANGE_LAYOUTS)
        try:
            source = _source(request)
            return JsonResponse({"contacts": _offered(source)})
        except (DomainError, ProviderError) as refusal:
            return JsonResponse({"contacts": [], "problem": refusal.message})

    def picture_view(self, request: HttpRequest, pk: int, uuid: UUID) -> HttpResponse:
        """Draw a version small, for lists; the browser keeps it."""
        _require(request, VIEW_LAYOUTS)
        own = LayoutVersion.objects.for_organization(organization_of(request))
        version = own.filter(layout_id=pk, uuid=uuid).first()
        if version is None:
            raise Http404("No such version.")
        subject = Subject(organization=organization_of(request), version=version)
        return _picture(f"version:{uuid}", lambda: previews.draw(subject).content)

    def looks_view(self, request: HttpRequest, asset_pk: int) -> HttpResponse:
        """Show a picture small, or a few words in a font; the browser keeps it."""
        _require(request, VIEW_ASSETS)
        organization = organization_of(request)
        asset = LayoutAsset.objects.for_organization(organization).filter(pk=asset_pk).first()
        if asset is None:
            raise Http404("No such picture or font.")
        if asset.kind == AssetKind.PICTURE:
            return _picture(f"asset:{asset.file_uuid}", lambda: _content(asset))
        subject = Subject(organization=organization, document=_specimen(asset))
        return _picture(f"asset:{asset.file_uuid}", lambda: previews.draw(subject).content)


def _require(request: HttpRequest, permission: str) -> None:
    if not is_allowed(request, permission):
        raise PermissionDenied


def _document(request: HttpRequest) -> Any:
    text = request.POST.get("document", "")
    try:
        document = json.loads(text) if len(text) <= MAX_DOCUMENT else None
    except (ValueError, RecursionError):
        document = None
    if document is None:
        message = "This is not JSON."
        raise ValidationFailed(message, errors={"document": [message]})
    return document


def _subject(request: HttpRequest) -> Subject:
    organization, contact = organization_of(request), request.POST.get("contact", "")
    document = _document(request)
    if request.POST.get("source"):
        source = _source(request)
        return Subject(organization=organization, document=document, source=source, external_id=contact[:200])
    person = MADE_UP.get(contact) or MADE_UP["short"]
    return Subject(organization=organization, document=document, values=person.values)


def _offered(source: InvitationSource) -> list[tuple[str, str]]:
    """Return the first contacts of a source: their ids and names. Raises: ProviderError."""
    adapter = providers.source_of(source)
    try:
        people = adapter.page("", None).people[:OFFERED]
    finally:
        sources.keep_token(source, adapter.renewed)
    fields = providers.names_of(source)
    named = ((person, (person.values.get(field, "").strip() for field in fields)) for person in people)
    return [
        (person.external_id, " ".join(filter(None, names)) or person.external_id) for person, names in named
    ]


def _source(request: HttpRequest) -> InvitationSource:
    number = request.POST.get("source", "")
    own = InvitationSource.objects.for_organization(organization_of(request))
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    source = own.filter(pk=int(number)).first() if is_number else None
    if source is None:
        raise NotFound("No such source.")
    return source


def _problems(refusal: DomainError) -> list[tuple[str, str]]:
    """Return what is wrong as paths in the document and sentences."""
    return [
        (name.removeprefix("document").removeprefix("."), message)
        for name, found in refusal.errors.items()
        for message in found
    ]


def _picture(name: str, draw: Callable[[], bytes]) -> HttpResponse:
    """Answer with a picture made small, drawn once for all; a sign stands for what can't be."""
    key = f"invitations.picture:{name}"
    content: bytes | None = cache.get(key)
    if content is None:
        try:
            content = thumbnails.small(draw())
        except DomainError:
            return HttpResponseRedirect(static(NO_PICTURE))
        cache.set(key, content, REMEMBERED.total_seconds())
    response = HttpResponse(content, content_type=thumbnails.MEDIA_TYPE)
    response["Cache-Control"] = KEPT
    return response


def _content(asset: LayoutAsset) -> bytes:
    """Return the bytes of a picture, which a child process has written anew. Raises: NotFound."""
    with files.open(files.get(asset.file_uuid, asset.organization_id)) as file:
        content: bytes = file.read()
    return content


def _specimen(asset: LayoutAsset) -> dict[str, Any]:
    text = {"type": "text", "x": 30, "y": 20, "width": 1140, "height": 360, "text": _SPECIMEN}
    style = {"font": asset.name, "size": 110, "max_lines": 2, "align": "left", "color": "#111827"}
    return {"version": 1, "width": 1200, "height": 400, "format": "png", "layers": [{**text, **style}]}
