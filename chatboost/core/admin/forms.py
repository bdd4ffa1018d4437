"""Forms and fields of the console's pages."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from unfold import widgets
from unfold.forms import PaginationInlineFormSet

from chatboost.core.errors import DomainError

# Tall enough to see what one edits, short enough to see what is below.
MIN_ROWS, MAX_ROWS = 6, 24


class OrganizationForm(forms.ModelForm[Any]):
    """A form of a row of one organization.

    The page sets `organization` on the class it makes for a request, and `refusal` when a service said no to
    what was entered: the form is then shown again, with the reason and the input.
    """

    organization: Any = None
    refusal: DomainError | None = None
    # Whether a service saves the row: then it, and not the form, says in words what must be unique.
    is_saved_by_service: ClassVar[bool] = False
    # A service's word for a field → the form's, where they differ.
    error_fields: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Before validation, which compares the organization of related rows with this one.
        if self.instance.organization_id is None and self.organization is not None:
            self.instance.organization = self.organization
        if self.is_saved_by_service:
            # `full_clean` asks the constraints whatever the form says, and names them instead of the reason.
            self.instance.validate_constraints = lambda exclude=None: None

    def clean(self) -> dict[str, Any] | None:
        """Put a service's refusal beside the fields it is about."""
        cleaned = super().clean()
        if self.refusal is not None:
            self._show(self.refusal)
        return cleaned

    def _post_clean(self) -> None:
        try:
            super()._post_clean()  # type: ignore[misc]
        except ObjectDoesNotExist:
            # A required relation is missing: the form says so, the model's own check trips over it.
            if not self.errors:
                raise

    def _get_validation_exclusions(self) -> set[str]:
        # A constraint that holds per organization is skipped, and so becomes a server error, when the
        # organization counts as "not on the form".
        return set(super()._get_validation_exclusions()) - {"organization"}  # type: ignore[misc]

    def _show(self, refusal: DomainError) -> None:
        named = {self.error_fields.get(name, name): found for name, found in refusal.errors.items()}
        on_form = {name: found for name, found in named.items() if name in self.fields}
        for name, found in on_form.items():
            self.add_error(name, ValidationError([str(message) for message in found]))
        if not on_form:
            details = [f"{name}: {message}" for name, found in refusal.errors.items() for message in found]
            self.add_error(None, ValidationError([refusal.message, *details]))


class OrganizationInlineFormSet(PaginationInlineFormSet):
    """Related rows of one organization: the hidden id of a row finds no other's."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Keep the choices of the hidden id, which Django takes from the whole table, to the organization."""
        super().add_fields(form, index)
        named = form.fields.get(self._pk_field.name)
        if isinstance(named, forms.ModelChoiceField) and named.queryset is not None:
            named.queryset = named.queryset.filter(organization=form.organization)


class CodeTextarea(widgets.UnfoldAdminTextareaWidget):
    """A textarea for code, as tall as its text."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", **(attrs or {})}
        )
        self.attrs["class"] = f"{self.attrs.get('class', '')} cb-code"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Set the height."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        lines = str(value or "").count("\n") + 1
        context["widget"]["attrs"]["rows"] = min(max(lines + 1, MIN_ROWS), MAX_ROWS)
        return context


class PrettyJSONField(forms.JSONField):
    """JSON that a person can read: indented, with its letters as they are."""

    widget = CodeTextarea

    def prepare_value(self, value: Any) -> Any:
        """Indent; what was entered and does not parse comes back as it was typed."""
        text = super().prepare_value(value)
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except (TypeError, ValueError):
            return text


class LinesField(forms.CharField):
    """A list of texts, one on each line; empty lines don't count."""

    widget = widgets.UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        """Show one text on each line."""
        return "\n".join(str(item) for item in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the texts in order."""
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the texts, not their spacing."""
        return (initial or []) != self.to_python(data)


class SecretField(forms.CharField):
    """A secret that is entered and never shown; left empty, the stored one stays."""

    def __init__(self, *, is_set: bool = False, **kwargs: Any) -> None:
        help_text = "Stored, not shown. Enter a new value to replace it." if is_set else "Not set."
        kwargs.setdefault("help_text", help_text)
        widget = widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        super().__init__(required=False, strip=True, widget=widget, **kwargs)
