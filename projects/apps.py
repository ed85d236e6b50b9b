"""Install the demo host."""

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"

    def ready(self) -> None:
        from projects import files  # noqa: F401  (connects its signal)
