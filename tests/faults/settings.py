"""`config.settings` for servers whose end is near: they notice sooner what is wrong."""

from config.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.host"]  # noqa: F405  (tasks that do as they are told)
REALTIME = REALTIME | {"TASK_LEASE": 3.0, "SEND_TIMEOUT": 8.0}  # type: ignore[assignment]  # noqa: F405
ROOT_URLCONF = "tests.faults.urls"
