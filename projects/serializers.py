"""Show projects in the REST API, and read its uploads."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models.fields.files import FieldFile
from rest_framework import serializers

from projects import images, media
from projects.models import Canvas, Membership, Project, Role
from projects.validation import Line, check_text


class ProjectSerializer(serializers.ModelSerializer[Project]):
    role = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = [
            "id", "title", "description", "status", "content", "role", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_role(self, project: Project) -> str:
        return str(project.role)  # type: ignore[attr-defined]  # annotated by the view


class MemberSerializer(serializers.ModelSerializer[Membership]):
    user_id = serializers.IntegerField(read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = Membership
        fields = ["user_id", "username", "role"]


class UserByName(serializers.SlugRelatedField[User]):
    default_error_messages = {"does_not_exist": "There is no user of that name."}

    def to_internal_value(self, data: Any) -> User:
        if not isinstance(data, str):
            raise serializers.ValidationError("Not a string.")
        check_text(data)
        return super().to_internal_value(data)


class MemberInput(serializers.Serializer[Any]):
    username = UserByName(slug_field="username", queryset=User.objects.filter(is_active=True))
    role = serializers.ChoiceField(choices=Role.choices, default=Role.EDITOR)


class RoleInput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)


class MediaField(serializers.FileField):
    """Show a file of a canvas as the URL by which the asking user may see it."""

    def to_representation(self, value: Any) -> str | None:
        file: FieldFile = value
        if not file:
            return None
        request = self.context["request"]
        canvas = cast("Canvas", file.instance)
        path = media.url(file, project_id=canvas.project_id, user_id=request.user.pk)
        return str(request.build_absolute_uri(path))


class CanvasSerializer(serializers.ModelSerializer[Canvas]):
    image = MediaField(read_only=True)
    soundscape = MediaField(read_only=True, allow_null=True)

    class Meta:
        model = Canvas
        fields = [
            "id", "title", "image", "width", "height", "analysis", "soundscape", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class PictureField(serializers.FileField):
    """Read an uploaded image as it will be stored."""

    def to_internal_value(self, data: Any) -> images.Picture:
        return images.read(super().to_internal_value(data))


class CanvasInput(serializers.Serializer[Any]):
    title = Line(max_length=200, required=False)
    image = PictureField()


class CanvasTitle(serializers.Serializer[Any]):
    title = Line(max_length=200)
    base_title = serializers.CharField(max_length=200, required=False, trim_whitespace=False)
    """The title that the person started from: refused with 409 if it has changed since."""


class TaskSerializer(serializers.Serializer[Any]):
    task_id = serializers.CharField()
