from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Phone:
    """A number that is no text, as `django-phonenumber-field` has them."""

    def __init__(self, digits: str) -> None:
        self.digits = digits

    def __str__(self) -> str:
        return f"+{self.digits}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Phone) and other.digits == self.digits

    def __hash__(self) -> int:
        return hash(self.digits)


class PhoneField(models.CharField):  # type: ignore[type-arg]
    def from_db_value(self, value: str, *_: Any) -> Phone:
        return Phone(value)

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Phone) else Phone(value.removeprefix("+"))

    def get_prep_value(self, value: Any) -> str:
        return value.digits if isinstance(value, Phone) else str(value)


class Operator(AbstractBaseUser):
    """May do everything in the admin."""

    is_staff = is_superuser = True
    objects = BaseUserManager()

    class Meta:
        abstract = True

    def has_perm(self, *_: Any) -> bool:
        return True

    def has_module_perms(self, *_: Any) -> bool:
        return True


class User(Operator):
    """No password, no name, and what makes it active is no column."""

    password = None  # type: ignore[assignment]
    phone = PhoneField(max_length=20, unique=True)
    is_closed = models.BooleanField(default=False)

    USERNAME_FIELD = "phone"

    def __str__(self) -> str:
        return str(self.phone)

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return not self.is_closed


class Guest(Operator):
    """A UUID for a key, and an e-mail address for a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.email
