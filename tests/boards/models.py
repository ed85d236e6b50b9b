from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Upper


class Label(models.Model):
    name = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.name


class Board(models.Model):
    """A room's object, with a key that is no number."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    style = models.JSONField(default=dict, blank=True)
    secret = models.CharField(max_length=50, default="", blank=True)
    """Not shown."""
    saved_at = models.DateTimeField(auto_now=True)
    """Not shown either, and changed by every save."""
    labels = models.ManyToManyField(Label, blank=True)
    people: Any = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="boards"
    )

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        if self.title == "taken":
            raise ValidationError({"title": "This title is taken."})


class Membership(models.Model):
    board = models.ForeignKey(Board, models.CASCADE, related_name="memberships")
    user: Any = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, default="editor")

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class LongTitles(models.QuerySet["Card"]):
    def long(self) -> LongTitles:
        return self.filter(text__contains="long")


class OpenCards(models.Manager["Card"]):
    """The default manager: it hides cards that are done."""

    def get_queryset(self) -> models.QuerySet[Card]:
        return super().get_queryset().filter(done=False)


class Card(models.Model):
    """A row that belongs to a room, or to none, with a field of every type."""

    board = models.ForeignKey(Board, models.CASCADE, null=True, blank=True, related_name="cards")
    text = models.CharField(max_length=200)
    position = models.IntegerField(default=0)
    done = models.BooleanField(default=False)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    weight = models.FloatField(null=True, blank=True)
    number = models.BigIntegerField(null=True, blank=True)
    due = models.DateField(null=True, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    at = models.TimeField(null=True, blank=True)
    takes = models.DurationField(null=True, blank=True)
    token = models.UUIDField(null=True, blank=True)
    data = models.JSONField(null=True, blank=True)
    mail = models.EmailField(blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    color = models.CharField(max_length=5, choices=[("red", "Red"), ("blue", "Blue")], blank=True)
    picture = models.FileField(blank=True)
    loud = models.GeneratedField(
        expression=Upper("text"), output_field=models.CharField(max_length=200), db_persist=True
    )
    score = models.IntegerField(db_default=7)
    follows = models.ForeignKey("self", models.SET_NULL, null=True, blank=True)
    labels = models.ManyToManyField(Label, blank=True)

    objects = OpenCards()
    everything = LongTitles.as_manager()

    def __str__(self) -> str:
        return self.text

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Do what hosts do: change a value on the way."""
        self.text = self.text.strip()
        super().save(*args, **kwargs)


class PlainCard(Card):
    """A proxy."""

    class Meta:
        proxy = True


class Note(models.Model):
    """A row that belongs to a row of a room."""

    card = models.ForeignKey(Card, models.CASCADE, related_name="notes")
    text = models.CharField(max_length=100)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["card", "text"], name="note_once")]

    def __str__(self) -> str:
        return self.text


class Page(models.Model):
    """The parent of a model that has rooms."""

    title = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.title


class Article(Page):
    body = models.TextField(blank=True)
    owner: Any = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
