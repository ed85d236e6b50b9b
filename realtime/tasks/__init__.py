"""Own Celery tasks that belong to a project: their states, progress, ends and leases.

A host's task has `ProjectTask` as its base. `signals` tells what Celery says of it, `state` keeps
it in the database, `lease` ends a task whose worker was lost, and `queues` one that the broker
lost. Begin with `task`.
"""

from realtime.tasks.state import TooManyTasks
from realtime.tasks.task import ProjectTask, TaskFailure

__all__ = ["ProjectTask", "TaskFailure", "TooManyTasks"]
