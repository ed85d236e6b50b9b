"""Own all writing of projects: views, tasks, sockets and the shell call it.

Each verb is one transaction, which checks the user's role and appends its event to the project's
log. `staff` has the same verbs without the check.
"""

from projects.services.canvases import (
    add_canvas,
    remove_canvas,
    save_analysis,
    save_soundscape,
    update_canvas,
)
from projects.services.members import add_member, remove_member, update_member
from projects.services.projects import (
    TEXTS,
    Changes,
    ProjectUpdate,
    create_project,
    delete_project,
    lock_project,
    lock_projects,
    update_locked_projects,
    update_project,
)

__all__ = [
    "TEXTS",
    "Changes",
    "ProjectUpdate",
    "add_canvas",
    "add_member",
    "create_project",
    "delete_project",
    "lock_project",
    "lock_projects",
    "remove_canvas",
    "remove_member",
    "save_analysis",
    "save_soundscape",
    "update_canvas",
    "update_locked_projects",
    "update_member",
    "update_project",
]
