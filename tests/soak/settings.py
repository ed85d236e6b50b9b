"""`config.settings` for servers that are killed all the time: what a fault leaves ends sooner."""

from config.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.host"]  # noqa: F405  (a task that takes its time)
REALTIME = REALTIME | {"TASK_LEASE": 8.0}  # type: ignore[assignment]  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, not safe
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Seconds after which Redis gives a task that a killed worker had fetched to another one.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 15}
