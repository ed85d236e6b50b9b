"""Define the refusals of the services; the docstring of each is its default message."""

from __future__ import annotations

from typing import Any


class ProjectError(Exception):
    """The project could not be changed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__)


class ProjectNotFound(ProjectError):
    """There is no such project."""


class CanvasNotFound(ProjectError):
    """There is no such canvas."""


class MemberNotFound(ProjectError):
    """There is no such member."""


class NotAllowed(ProjectError):
    """Your role in this project does not allow that."""


class LimitReached(ProjectError):
    """There are as many as there may be."""


class Conflict(ProjectError):
    """Somebody else has changed this since you began."""

    def __init__(self, current: dict[str, Any]) -> None:
        """`current` has the present values of the fields in conflict."""
        super().__init__()
        self.current = current


class Invalid(ProjectError):
    """The data are not valid."""

    def __init__(self, details: dict[str, Any]) -> None:
        """`details` has messages by field, as Django REST framework has them."""
        super().__init__()
        self.details = details
