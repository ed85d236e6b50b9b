from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # They register what they have to.
        import realtime.checks.authentication
        import realtime.checks.databases
        import realtime.checks.settings
        import realtime.tasks.pools
        import realtime.tasks.signals  # noqa: F401
        from realtime.ops import redaction

        redaction.install()
