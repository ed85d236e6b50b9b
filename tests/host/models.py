from __future__ import annotations

from django.conf import settings
from django.db import models


class ShoppingList(models.Model):
    items = models.JSONField(default=dict)
    shoppers = models.ManyToManyField(settings.AUTH_USER_MODEL)

    def __str__(self) -> str:
        return f"list {self.pk}"
