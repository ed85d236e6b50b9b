"""`config.settings` for a worker that also has the tasks of these tests."""

import os

from config.settings import *  # noqa: F403

CELERY_TASK_DEFAULT_QUEUE = os.environ["CASES_QUEUE"]
"""What a task starts goes to this worker too: that of the stack does not know these tasks."""
CELERY_IMPORTS = ["tests.tasks.cases"]
CELERY_TASK_SEND_SENT_EVENT = False
