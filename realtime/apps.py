from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # They register what they have to.
        from realtime import extras
        from realtime.ops import redaction

        if extras.has("celery"):
            pass

        redaction.install()
