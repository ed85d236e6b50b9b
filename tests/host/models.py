from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Shared(models.Model):
    items = models.JSONField(default=dict)
    shoppers = models.ManyToManyField(settings.AUTH_USER_MODEL)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.model_name} {self.pk}"


class ShoppingList(Shared):
    pass


class Board(Shared):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class Page(Shared):
    path = models.CharField(primary_key=True, max_length=255)


class Post(Shared):
    id = models.BigIntegerField(primary_key=True)
    """A snowflake: beyond what JavaScript can hold."""
