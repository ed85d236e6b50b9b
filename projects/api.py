"""The REST API. Every change goes through the services."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView

from projects import access, errors, serializers, services, tasks
from projects.models import Canvas, Membership, Project, Role
from projects.throttling import SignInThrottle
from projects.validation import ProjectFields

MAX_ID = 2**63 - 1


class Services:
    """Answers a service's refusal with its status."""

    def handle_exception(self, error: Exception) -> Response:
        return super().handle_exception(_as_api_error(error))  # type: ignore[misc, no-any-return]


def _as_api_error(error: Exception) -> Exception | APIException:
    match error:
        case errors.ProjectNotFound():
            return NotFound()
        case errors.NotAllowed():
            return PermissionDenied(str(error))
        case errors.Invalid():
            return ValidationError(error.details)
        case _:
            return error


class ProjectViewSet(
    Services, viewsets.GenericViewSet[Project], mixins.ListModelMixin, mixins.RetrieveModelMixin
):
    serializer_class = serializers.ProjectSerializer
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Project]:
        """Return the projects in which the user has a role."""
        if getattr(self, "swagger_fake_view", False):
            return Project.objects.none()
        mine = Project.objects.filter(memberships__user=_user(self.request))
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
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data, status=code)

    @extend_schema(responses=serializers.MemberSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def members(self, request: Request, pk: str) -> Response:
        rows = Membership.objects.filter(project=self.get_object()).select_related("user")
        return Response(serializers.MemberSerializer(rows, many=True).data)

    @extend_schema(request=serializers.MemberInput, responses=serializers.MemberSerializer)
    @members.mapping.post
    def add_member(self, request: Request, pk: str) -> Response:
        access.require(int(pk), _user(request).pk, Role.OWNER)
        given = serializers.MemberInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = given.validated_data["username"]
        self._set_role(request, int(pk), user.pk, given.validated_data["role"])
        row = Membership.objects.get(project_id=pk, user=user)
        return Response(serializers.MemberSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=serializers.RoleInput, responses=serializers.MemberSerializer)
    @action(detail=True, methods=["patch"], url_path=r"members/(?P<user_id>[0-9]{1,18})")
    def member(self, request: Request, pk: str, user_id: str) -> Response:
        access.require(int(pk), _user(request).pk, Role.OWNER)
        row = get_object_or_404(Membership, project_id=pk, user_id=user_id)
        given = serializers.RoleInput(data=request.data)
        given.is_valid(raise_exception=True)
        self._set_role(request, int(pk), int(user_id), given.validated_data["role"])
        row.refresh_from_db()
        return Response(serializers.MemberSerializer(row).data)

    @extend_schema(responses={204: None})
    @member.mapping.delete
    def remove_member(self, request: Request, pk: str, user_id: str) -> Response:
        if int(user_id) != _user(request).pk:  # anybody may leave
            access.require(int(pk), _user(request).pk, Role.OWNER)
        get_object_or_404(Membership, project_id=pk, user_id=user_id)
        self._set_role(request, int(pk), int(user_id), None)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _set_role(self, request: Request, pk: int, user_id: int, role: str | None) -> None:
        services.set_role(
            project_id=pk,
            user_id=user_id,
            role=None if role is None else Role(role),
            actor_id=_user(request).pk,
        )

    @extend_schema(responses=serializers.CanvasSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def canvases(self, request: Request, pk: str) -> Response:
        rows = self.get_object().canvases.all()
        return Response(self._canvas(rows, many=True))

    @extend_schema(
        request={"multipart/form-data": serializers.CanvasInput},
        responses=serializers.CanvasSerializer,
    )
    @canvases.mapping.post
    def add_canvas(self, request: Request, pk: str) -> Response:
        access.require(int(pk), _user(request).pk, Role.OWNER, Role.EDITOR)
        given = serializers.CanvasInput(data=request.data)
        given.is_valid(raise_exception=True)
        image = given.validated_data["image"]
        canvas = services.add_canvas(
            user=_user(request),
            project_id=int(pk),
            title=given.validated_data.get("title") or image.name[:200],
            image=image,
        )
        return Response(self._canvas(canvas), status=status.HTTP_201_CREATED)

    def _canvas(self, canvases: Any, *, many: bool = False) -> Any:
        context = {"request": self.request}
        return serializers.CanvasSerializer(canvases, many=many, context=context).data

    def get_parsers(self) -> list[Any]:
        if getattr(self, "action_map", {}).get("post") == "add_canvas":
            return [MultiPartParser()]
        return super().get_parsers()


def _user(request: Request) -> User:
    """Return who is asking; no view is open to strangers."""
    return cast("User", request.user)


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValidationError("Send a JSON object.")
    return dict(data)


class CanvasTask(Services, APIView):
    """Starts a task on a canvas; its events go to the project's room."""

    task = tasks.analyze_image_emotion

    @extend_schema(request=None, responses={202: serializers.TaskSerializer})
    def post(self, request: Request, pk: int) -> Response:
        canvas = Canvas.objects.filter(pk=pk).first() if pk <= MAX_ID else None
        if canvas is None:
            raise NotFound
        access.require(canvas.project_id, _user(request).pk, Role.OWNER, Role.EDITOR)
        task_id = self.task.enqueue(
            user_id=_user(request).pk, project_id=canvas.project_id, canvas_id=canvas.pk
        )
        return Response({"task_id": task_id}, status=status.HTTP_202_ACCEPTED)


class AnalyzeView(CanvasTask):
    task = tasks.analyze_image_emotion


class ComposeView(CanvasTask):
    task = tasks.compose_soundscape


class TokenView(TokenObtainPairView):
    """Signs in, as often as the throttle allows."""

    throttle_classes = [SignInThrottle]
    throttle_scope = "sign_in"


class MeView(APIView):
    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        return Response({"id": _user(request).pk, "username": request.user.get_username()})
