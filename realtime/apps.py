from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # They register what they have to.
        from realtime import checks, database_checks, redaction, task_pools, task_signals  # noqa: F401

        redaction.install()
