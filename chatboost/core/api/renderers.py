"""The browsable API: pages around the answers, with forms that work."""

from typing import Any

from rest_framework import serializers
from rest_framework.renderers import BrowsableAPIRenderer, HTMLFormRenderer, JSONRenderer

from chatboost.core.api.parsers import documented_media_types

_JSON_BOX: dict[str, Any] = {"base_template": "textarea.html", "rows": 4, "placeholder": "JSON"}
_STYLES: dict[Any, dict[str, Any]] = {
    serializers.ListField: _JSON_BOX,
    serializers.DictField: _JSON_BOX,
    serializers.JSONField: _JSON_BOX,
    serializers.ListSerializer: _JSON_BOX,
    # A moment with its zone, which `datetime-local` has none of.
    serializers.DateTimeField: {
        "base_template": "input.html",
        "input_type": "text",
        "placeholder": "2030-12-31T18:30:00Z",
    },
}


class FormRenderer(HTMLFormRenderer):
    """Forms in which lists and objects are written as JSON; `StrictMixin` reads them so."""

    default_style = type(HTMLFormRenderer.default_style)(
        {**HTMLFormRenderer.default_style.mapping, **_STYLES}
    )


class BrowsableRenderer(BrowsableAPIRenderer):
    """The page, under the product's name."""

    template = "core/browsable_api.html"
    form_renderer_class = FormRenderer

    def get_default_renderer(self, view: Any) -> Any:
        """Show answers as the JSON they are."""
        return JSONRenderer()

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        """Offer what the API documents, not what this page's forms are sent in."""
        form = super().get_raw_data_form(data, view, method, request)
        if form is not None:
            field: Any = form.fields["_content_type"]
            shown = documented_media_types(view)
            field.choices = [(media_type, media_type) for media_type in shown]
        return form
