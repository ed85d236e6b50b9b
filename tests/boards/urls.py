"""Pages as hosts have them, which know nothing of rooms."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.generic import CreateView, DeleteView, UpdateView
from rest_framework import serializers, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.routers import SimpleRouter

from tests.boards.models import Board, Card, Note


class Notes(admin.TabularInline):  # type: ignore[type-arg]
    model = Note
    extra = 0


class CardAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "text", "done"]
    list_editable = ["text", "done"]
    fields = ["board", "text", "labels"]
    inlines = [Notes]
    actions = ["finish"]

    @admin.action
    def finish(self, request: HttpRequest, queryset: Any) -> None:
        queryset.update(done=True)


site = admin.AdminSite(name="boards")
site.register(Card, CardAdmin)
site.register(Board)


class LateSignIn(BaseAuthentication):
    """Signs in as REST framework does: when the view has begun."""

    def authenticate(self, request: Any) -> Any:
        from django.contrib.auth.models import User

        return User.objects.get(username=request.headers["X-User"]), None


class CardSerializer(serializers.ModelSerializer[Card]):
    class Meta:
        model = Card
        fields = ["id", "board", "text"]


class Cards(viewsets.ModelViewSet):  # type: ignore[type-arg]
    queryset = Card.objects.all()
    serializer_class = CardSerializer
    authentication_classes = [LateSignIn]
    throttle_classes: list[Any] = []


class Edit(UpdateView):  # type: ignore[type-arg]
    model = Card
    fields = ["board", "text"]
    success_url = "/"


class Create(CreateView):  # type: ignore[type-arg]
    model = Card
    fields = ["board", "text"]
    success_url = "/"


class Delete(DeleteView):  # type: ignore[type-arg]
    model = Card
    success_url = "/"


async def rename(request: HttpRequest, key: int) -> HttpResponse:
    card = await Card.objects.aget(pk=key)
    card.text = "Renamed"
    await card.asave()
    return JsonResponse({})


router = SimpleRouter()
router.register("api/cards", Cards)
urlpatterns = [
    path("admin/", site.urls),
    path("cards/new/", Create.as_view()),
    path("cards/<int:pk>/", Edit.as_view()),
    path("cards/<int:pk>/delete/", Delete.as_view()),
    path("cards/<int:key>/rename/", rename),
    *router.urls,
]
