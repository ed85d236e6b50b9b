"""`config.settings` for a worker that also has the tasks of these tests."""

from config.settings import *  # noqa: F403

CELERY_IMPORTS = ["tests.tasks.cases"]
CELERY_TASK_SEND_SENT_EVENT = False
