"""Show Celery tasks in their room: state, progress, result and lease.

A host's task has `RoomTask` as its base. `signals` handles Celery's reports of it, `state` keeps
its row in the database, `lease` ends a task whose worker was lost, `queues` finds tasks that
the broker lost, and `pools` prepares a worker's pool. Begin with `task`.
"""

from realtime.extras import needed_by

with needed_by("realtime.tasks"):
    import celery as _celery  # noqa: F401

from realtime.tasks.state import TooManyTasks
from realtime.tasks.task import RoomTask, TaskFailure

__all__ = ["RoomTask", "TaskFailure", "TooManyTasks"]
