"""What happens to projects, told inside the transaction that does it."""

from django.dispatch import Signal

project_changed = Signal()
"""project_id: int; changes: a list of `services.Change`, in the order in which they were made."""

membership_changed = Signal()
"""project_id: int; user_id: int; role and before: the `Role` now and until now, None where the
user is no member; actor_id: int or None."""

canvas_added = Signal()
"""canvas: the new `Canvas`; actor_id: int."""

canvas_renamed = Signal()
"""canvas: the `Canvas`; before: its title until now; actor_id: int."""

canvas_replaced = Signal()
"""canvas: the `Canvas` with another image; actor_id: int."""

canvas_removed = Signal()
"""canvas: the `Canvas`, still there; actor_id: int."""

project_deleted = Signal()
"""project_id: int; actor_id: int or None."""
