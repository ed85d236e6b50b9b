"""Serve the REST API. Every change goes through the services."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce, Length
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import (
    APIException,
    NotFound,
    PermissionDenied,
    ValidationError,
)
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView

from projects import access, errors, images, serializers, services, tasks
from projects.models import Membership, Project, Role
from projects.pages import PagesById
from projects.throttling import SignInThrottle
from projects.validation import ProjectFields

_ROW = Value(500)
"""Bytes of the fields with limits of their own in a row of a list: names, titles, addresses."""


class LimitReached(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "limit_reached"


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Busy(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "busy"
    wait = 5
    """REST framework's name for the seconds of `Retry-After`."""


class Services:
    """Answer a service's refusal with its status."""

    def handle_exception(self, error: Exception) -> Response:
        return super().handle_exception(_as_api_error(error))  # type: ignore[misc, no-any-return]


def _as_api_error(error: Exception) -> Exception | APIException:
    answer = error
    match error:
        case errors.ProjectNotFound() | errors.CanvasNotFound() | errors.MemberNotFound():
            answer = NotFound()
        case errors.NotAllowed():
            answer = PermissionDenied(str(error))
        case errors.LimitReached():
            answer = LimitReached(str(error))
        case errors.Conflict():
            answer = Conflict({"detail": str(error), "current": error.current})
        case errors.Invalid():
            answer = ValidationError(error.details)
        case images.Busy():
            answer = Busy(str(error.__doc__))
    return answer


class ProjectViewSet(
    Services, viewsets.GenericViewSet[Project], mixins.ListModelMixin, mixins.RetrieveModelMixin
):
    serializer_class = serializers.ProjectSerializer
    pagination_class = PagesById
    row_size: Any = Length(Cast("content", TextField())) + Length("description") + _ROW
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Project]:
        """Return the projects in which the user has a role."""
        if getattr(self, "swagger_fake_view", False):
            return Project.objects.none()
        mine = Project.objects.filter(
            memberships__user=_user(self.request), memberships__role__in=Role.values
        )
        return mine.annotate(role=F("memberships__role"))

    @extend_schema(request=ProjectFields)
    def create(self, request: Request) -> Response:
        project = services.create_project(user=_user(request), data=_object(request.data))
        return self._answer(project.pk, status.HTTP_201_CREATED)

    @extend_schema(request=ProjectFields(partial=True))
    def partial_update(self, request: Request, pk: str) -> Response:
        services.update_project(user=_user(request), project_id=int(pk), data=_object(request.data))
        return self._answer(int(pk))

    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_project(user=_user(request), project_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _answer(self, pk: int, code: int = status.HTTP_200_OK) -> Response:
        project = get_object_or_404(self.get_queryset(), pk=pk)
        return Response(self.get_serializer(project).data, status=code)

    @extend_schema(responses=serializers.MemberSerializer(many=True))
    @action(detail=True, methods=["get"], row_size=_ROW)
    def members(self, request: Request, pk: str) -> Response:
        rows: Any = Membership.objects.filter(project=self.get_object()).select_related("user")
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(serializers.MemberSerializer(page, many=True).data)

    @extend_schema(request=serializers.MemberInput, responses=serializers.MemberSerializer)
    @members.mapping.post
    def add_member(self, request: Request, pk: str) -> Response:
        access.require(int(pk), _user(request).pk, Role.OWNER)  # before anything is said of users
        given = serializers.MemberInput(data=request.data)
        given.is_valid(raise_exception=True)
        member = given.validated_data["username"]
        role = Role(given.validated_data["role"])
        services.add_member(user=_user(request), project_id=int(pk), member=member, role=role)
        return self._member(int(pk), member.pk, status.HTTP_201_CREATED)

    @extend_schema(request=serializers.RoleInput, responses=serializers.MemberSerializer)
    @action(detail=True, methods=["patch"], url_path=r"members/(?P<user_id>[0-9]{1,18})")
    def member(self, request: Request, pk: str, user_id: str) -> Response:
        access.require(int(pk), _user(request).pk, Role.OWNER)
        given = serializers.RoleInput(data=request.data)
        given.is_valid(raise_exception=True)
        services.update_member(
            user=_user(request),
            project_id=int(pk),
            member_id=int(user_id),
            role=Role(given.validated_data["role"]),
        )
        return self._member(int(pk), int(user_id))

    @extend_schema(responses={204: None})
    @member.mapping.delete
    def remove_member(self, request: Request, pk: str, user_id: str) -> Response:
        services.remove_member(user=_user(request), project_id=int(pk), member_id=int(user_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _member(self, pk: int, user_id: int, code: int = status.HTTP_200_OK) -> Response:
        row = get_object_or_404(Membership, project_id=pk, user_id=user_id)
        return Response(serializers.MemberSerializer(row).data, status=code)

    @extend_schema(responses=serializers.CanvasSerializer(many=True))
    @action(
        detail=True,
        methods=["get"],
        row_size=Coalesce(Length(Cast("analysis", TextField())), 0) + _ROW,
    )
    def canvases(self, request: Request, pk: str) -> Response:
        rows: Any = self.get_object().canvases.all()
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(_canvas(request, page, many=True))

    @extend_schema(
        request={"multipart/form-data": serializers.CanvasInput},
        responses=serializers.CanvasSerializer,
    )
    @canvases.mapping.post
    def add_canvas(self, request: Request, pk: str) -> Response:
        access.require(int(pk), _user(request).pk, *access.EDITORS)
        given = serializers.CanvasInput(data=request.data)
        given.is_valid(raise_exception=True)
        image = given.validated_data["image"]
        canvas = services.add_canvas(
            user=_user(request),
            project_id=int(pk),
            title=given.validated_data.get("title") or image.name[:200],
            image=image,
        )
        return Response(_canvas(request, canvas), status=status.HTTP_201_CREATED)

    def get_parsers(self) -> list[Any]:
        if getattr(self, "action_map", {}).get("post") == "add_canvas":
            return [MultiPartParser()]
        return super().get_parsers()


def _user(request: Request) -> User:
    """Return the user who asks; no view is open to strangers."""
    return cast("User", request.user)


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValidationError("Send a JSON object.")
    return dict(data)


def _canvas(request: Request, canvases: Any, *, many: bool = False) -> Any:
    context = {"request": request}
    return serializers.CanvasSerializer(canvases, many=many, context=context).data


class CanvasView(Services, APIView):
    @extend_schema(responses=serializers.CanvasSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_canvas(request, access.canvas(pk, _user(request).pk, *Role)))

    @extend_schema(request=serializers.CanvasTitle, responses=serializers.CanvasSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        access.canvas(pk, _user(request).pk, *access.EDITORS)
        given = serializers.CanvasTitle(data=request.data)
        given.is_valid(raise_exception=True)
        canvas = services.update_canvas(user=_user(request), canvas_id=pk, **given.validated_data)
        return Response(_canvas(request, canvas))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.remove_canvas(user=_user(request), canvas_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CanvasTask(Services, APIView):
    """Start a task on a canvas; its events go to the project's room."""

    task = tasks.analyze_image_emotion

    @extend_schema(request=None, responses={202: serializers.TaskSerializer})
    def post(self, request: Request, pk: int) -> Response:
        canvas = access.canvas(pk, _user(request).pk, *access.EDITORS)
        task_id = tasks.start(self.task, user_id=_user(request).pk, canvas=canvas)
        return Response({"task_id": task_id}, status=status.HTTP_202_ACCEPTED)


class AnalyzeView(CanvasTask):
    task = tasks.analyze_image_emotion


class ComposeView(CanvasTask):
    task = tasks.compose_soundscape


class TokenView(TokenObtainPairView):
    """Sign in, as often as the throttle allows."""

    throttle_classes = [SignInThrottle]


class MeView(APIView):
    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        return Response({"id": _user(request).pk, "username": request.user.get_username()})
