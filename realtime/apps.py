from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # They register what they have to.
        import realtime.checks.authentication
        import realtime.checks.databases
        import realtime.checks.settings
        from realtime import extras
        from realtime.ops import redaction

        if extras.has("celery"):
            import realtime.checks.tasks
            import realtime.tasks.pools
            import realtime.tasks.signals  # noqa: F401

        redaction.install()
