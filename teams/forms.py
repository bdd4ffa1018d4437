"""Forms of the account pages."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm as AllauthAddEmailForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.http import HttpRequest
from django.utils.functional import lazy

from chatboost.core.errors import DomainError
from teams import names
from teams.models import User
from teams.services import addresses, passwords, registration


class SignupForm(AllauthSignupForm):
    """Registers a person with an organization of their own."""

    name = forms.CharField(
        max_length=150,
        label="Your name",
        validators=[names.check],
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    organization_name = forms.CharField(
        max_length=120,
        required=False,
        label="Company",
        validators=[names.check],
        help_text="Your organization's name. Without one, it is called after you.",
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    field_order = ["name", "organization_name", "email", "password1"]

    def validate_unique_email(self, value: str) -> str:
        """Refuse an address that is somebody's; one that is only claimed by somebody is free."""
        if addresses.is_taken(value):
            raise get_adapter().validation_error("email_taken")
        self.account_already_exists = False
        return value

    def save(self, request: HttpRequest) -> User:
        """Register. Raises: ValidationFailed (`email_taken`) when another request was faster."""
        data: dict[str, Any] = self.cleaned_data
        return registration.register(
            email=data["email"],
            password=data["password1"],
            name=data["name"],
            organization_name=data["organization_name"],
        )


class AddEmailForm(AllauthAddEmailForm):
    """A further address of an account."""

    def clean_email(self) -> str:
        """Refuse it while nobody has proved to read the mail of the account's own."""
        if not addresses.is_proved(self.user):
            raise forms.ValidationError(f"Confirm {self.user.email} first, by the link in the mail to it.")
        return str(super().clean_email())


class NewMemberForm(forms.Form):
    """What somebody tells about themselves who joins by an invite; their address is the invite's."""

    name = forms.CharField(
        max_length=150,
        label="Your name",
        validators=[names.check],
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    password = forms.CharField(
        max_length=passwords.MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=lazy(password_validators_help_text_html, str)(),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def clean(self) -> dict[str, Any]:
        """Judge the password with what is known of the person."""
        data = super().clean() or {}
        if "password" in data:
            person = User(email=self._email, name=data.get("name", ""))
            try:
                passwords.check_strength(data["password"], user=person, field="password")
            except DomainError as refusal:
                self.refuse(refusal)
        return data

    def refuse(self, refusal: DomainError) -> None:
        """Put a refusal beside the fields it is about."""
        for name, found in refusal.errors.items():
            for message in found:
                self.add_error(name if name in self.fields else None, message)
