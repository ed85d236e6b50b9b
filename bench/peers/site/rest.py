"""A model that clients observe and change, in Django Channels REST Framework."""

from djangochannelsrestframework.generics import GenericAsyncAPIConsumer
from djangochannelsrestframework.mixins import PatchModelMixin
from djangochannelsrestframework.observer.generics import ObserverModelInstanceMixin
from rest_framework import serializers

from bench.peers.site.models import Document


class DocumentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Document
        fields = ["id", "title"]


class DocumentConsumer(ObserverModelInstanceMixin, PatchModelMixin, GenericAsyncAPIConsumer):
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer
