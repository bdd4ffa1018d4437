"""Pictures and fonts of layouts: handed in, seen, replaced, removed."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold import widgets
from unfold.decorators import display

from chatboost.core.admin import OrganizationAdmin, register
from chatboost.core.admin.display import EMPTY, choice_label
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.scoping import organization_of
from chatboost.core.errors import DomainError
from chatboost.core.exchange.uploads import Handler
from invitations.admin import uploading
from invitations.choices import AssetKind
from invitations.models import LayoutAsset
from invitations.services import assets as services

FONT_ENDINGS: Final = (".ttf", ".otf", ".ttc", ".woff", ".woff2")


class AssetForm(forms.Form):
    """A picture or a font, and what layouts call it."""

    file = forms.FileField(
        label="Picture or font",
        widget=widgets.UnfoldAdminFileFieldWidget(
            attrs={"accept": f"image/jpeg,image/png,image/webp,{','.join(FONT_ENDINGS)}"}
        ),
        help_text=f"JPEG, PNG or WebP, TrueType or OpenType; {services.MAX_BYTES // 2**20} MiB at most.",
    )
    name = forms.CharField(
        required=False,
        max_length=services.MAX_NAME,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="What layouts call it. Left empty, the file’s name. "
        "Another one of the same name takes its place the next time a layout is saved.",
    )


class AssetHandler(Handler):
    """Takes one picture or font."""

    @property
    def max_bytes(self) -> int:
        """How large it may be."""
        return services.MAX_BYTES


@register(LayoutAsset)
class LayoutAssetAdmin(OrganizationAdmin):
    """Assets of the organization."""

    list_display = ("thumbnail", "name", "kind_label", "about", "created_at")
    list_display_links = ("thumbnail", "name")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("name__icontains", "family__icontains")
    ordering = ("name", "id")
    empty_hint = "Hand in background pictures, logos and fonts; layouts use them by their names."
    fields = ("name", "kind_label", "about", "created_at", "specimen")

    kind_label = choice_label("kind", {})

    class Media:
        css = {"all": ["invitations/invitations.css"]}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An asset is replaced, not changed."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Have the page that takes a file in the place of the form for a new row."""
        page = uploading.taking(
            self.upload_view, site=self.admin_site, handler=AssetHandler, refused=self.refused_view
        )
        add = path("add/", self.admin_site.admin_view(page), name="invitations_layoutasset_add")
        return [add, *super().get_urls()]

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file. No transaction is open meanwhile: a child process looks at it first."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, AssetForm(initial={"name": request.GET.get("name", "")}))
        form = AssetForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form)
        try:
            asset = self._take(request, form.cleaned_data)
        except DomainError as refusal:
            for name, found in (refusal.errors or {"": [refusal.message]}).items():
                form.add_error(name if name in form.fields else None, found)
            return self._page(request, form, refusal.status)
        messages.success(request, f"{asset.name} can be used in layouts.")
        return HttpResponseRedirect(self.url("change", asset.pk))

    def refused_view(self, request: HttpRequest, refusal: DomainError) -> HttpResponse:
        """Say why a file was not taken."""
        messages.error(request, refusal.message)
        return self._page(request, AssetForm(), refusal.status)

    def delete_model(self, request: HttpRequest, obj: LayoutAsset) -> None:
        """Delete through the service; versions that use it keep it."""
        services.delete(obj, actor=request.user)

    def _take(self, request: HttpRequest, given: dict[str, Any]) -> LayoutAsset:
        file = given["file"]
        ending = f".{file.name.rpartition('.')[2].lower()}"
        return services.add(
            organization=organization_of(request),
            name=given["name"] or file.name.rpartition(".")[0] or file.name,
            kind=AssetKind.FONT if ending in FONT_ENDINGS else AssetKind.PICTURE,
            content=file.read(services.MAX_BYTES + 1),
            actor=request.user,
        )

    def _page(self, request: HttpRequest, form: AssetForm, status: int = 200) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Hand in a picture or a font",
            "breadcrumbs": [("Pictures and fonts", self.url("changelist"))],
            "form": form,
            "back_url": self.url("changelist"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "invitations/asset_upload.html", context, status=status)

    @display(description="looks")
    def thumbnail(self, asset: LayoutAsset) -> SafeString:
        """Show it, small."""
        return _image(asset, "cb-small-picture", "cb-small-specimen")

    @display(description="looks")
    def specimen(self, asset: LayoutAsset) -> SafeString:
        """Show it."""
        return _image(asset, "cb-version-picture", "cb-specimen")

    @display(description="about")
    def about(self, asset: LayoutAsset) -> str:
        """Say how large a picture is, and what a font calls itself."""
        if asset.kind == AssetKind.FONT:
            return asset.family or EMPTY
        return f"{asset.width} × {asset.height}" if asset.width else EMPTY


def _image(asset: LayoutAsset, of_picture: str, of_font: str) -> SafeString:
    style = of_font if asset.kind == AssetKind.FONT else of_picture
    url = reverse("admin:invitations_invitationlayout_looks", args=[asset.pk])
    # Another file under the name is another address.
    return format_html(
        '<img class="{}" src="{}?v={}" alt="" loading="lazy">', style, url, asset.file_uuid.hex[:12]
    )
