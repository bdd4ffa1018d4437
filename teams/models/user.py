"""Users: the operators of the console and the people behind API tokens."""

from typing import Any, ClassVar

from django.contrib.auth import get_backends
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from chatboost.core import clock
from teams import hashers, names


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password nobody can sign in with one."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user of the installation's staff."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by e-mail, whatever its case."""
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail. What they may do depends on the organization: see Membership."""

    email = models.EmailField()
    name = models.CharField(max_length=150, blank=True, validators=[names.check])
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(
        default=False, help_text="Staff of this installation, above organizations."
    )
    date_joined = models.DateTimeField(default=clock.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["email"], name="user_email_unique")]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the e-mail in lower case, so one person has one account."""
        self.email = self.email.lower()
        super().save(*args, **kwargs)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Tell whether the user may; about an organization only the role there answers, to superusers too."""
        if obj is None:
            return super().has_perm(perm)
        return any(backend.has_perm(self, perm, obj) for backend in get_backends())

    def check_password(self, raw_password: str | None) -> bool:
        """Tell whether this is the password; a hash of the older system, or by an old method, is renewed."""
        self.password = hashers.named(self.password)
        return super().check_password(raw_password)

    def get_full_name(self) -> str:
        """Return the name, or the e-mail while there is none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the first word of the name, or the e-mail's local part."""
        return (self.name.split() or [self.email.split("@")[0]])[0]
