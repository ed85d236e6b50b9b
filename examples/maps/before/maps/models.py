import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class WithUUID(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


class User(WithUUID, AbstractUser):
    pass


class Tag(WithUUID):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Map(WithUUID):
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    is_open = models.BooleanField(default=False)
    """Everybody may change it."""

    def __str__(self):
        return self.name

    def may_change(self, user):
        return self.is_open or user == self.owner or user.is_staff


class Pin(WithUUID):
    map = models.ForeignKey(Map, models.CASCADE, related_name="pins")
    label = models.CharField(max_length=100)
    latitude = models.DecimalField(max_digits=8, decimal_places=5, default=0)
    longitude = models.DecimalField(max_digits=8, decimal_places=5, default=0)
    tags = models.ManyToManyField(Tag, blank=True)

    def __str__(self):
        return self.label


class Remark(WithUUID):
    """A line of the chat about a map, which is not a part of it."""

    map = models.ForeignKey(Map, models.CASCADE, related_name="remarks")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    text = models.TextField()

    def __str__(self):
        return self.text
