from django.conf import settings
from django.db import models


class Document(models.Model):
    """What the peers that save, save."""

    title = models.CharField(max_length=200)
    updated_at = models.DateTimeField(auto_now=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL)
