"""Install the app: system checks, signals of Celery, and the hosts' `rooms` modules."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Importing these registers the checks.
        import realtime.checks.authentication
        import realtime.checks.databases
        import realtime.checks.model_rooms
        import realtime.checks.rooms
        import realtime.checks.settings
        from realtime import extras
        from realtime.ops import redaction
        from realtime.rooms import tracking

        if extras.has("celery"):
            import realtime.checks.tasks
            import realtime.tasks.pools
            import realtime.tasks.signals  # noqa: F401

        redaction.install()
        tracking.install()
        autodiscover_modules("rooms")
