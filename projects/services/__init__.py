"""The only writers of projects: everybody who changes one, changes it here.

Each verb is one transaction, and tells what it did (`projects.signals`) inside it.
"""

from projects.services.canvases import (
    add_canvas,
    attach_canvas,
    detach_canvas,
    edit_canvas,
    remove_canvas,
    rename_canvas,
    save_analysis,
    save_soundscape,
)
from projects.services.members import add_member, change_role, remove_member, set_role
from projects.services.projects import (
    Change,
    Changes,
    ProjectUpdate,
    create_project,
    delete_project,
    edit_project,
    lock_project,
    remove_project,
    update_locked_project,
    update_project,
)

__all__ = [
    "Change",
    "Changes",
    "ProjectUpdate",
    "add_canvas",
    "add_member",
    "attach_canvas",
    "change_role",
    "create_project",
    "delete_project",
    "detach_canvas",
    "edit_canvas",
    "edit_project",
    "lock_project",
    "remove_canvas",
    "remove_member",
    "remove_project",
    "rename_canvas",
    "save_analysis",
    "save_soundscape",
    "set_role",
    "update_locked_project",
    "update_project",
]
