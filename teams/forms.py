"""Forms of the account pages."""

from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.http import HttpRequest

from teams.models import User
from teams.services import registration


class SignupForm(AllauthSignupForm):
    """Registers a person with an organization of their own."""

    name = forms.CharField(
        max_length=150, label="Your name", widget=forms.TextInput({"autocomplete": "name"})
    )
    organization_name = forms.CharField(
        max_length=120,
        required=False,
        label="Company",
        help_text="Your organization's name. Without one, it is called after you.",
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    field_order = ["name", "organization_name", "email", "password1"]

    def save(self, request: HttpRequest) -> User:
        """Register. Raises: ValidationFailed (`email_taken`) when another request was faster."""
        data: dict[str, Any] = self.cleaned_data
        return registration.register(
            email=data["email"],
            password=data["password1"],
            name=data["name"],
            organization_name=data["organization_name"],
        )
