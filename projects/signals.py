"""What happens to projects, told inside the transaction that does it."""

from django.dispatch import Signal

project_changed = Signal()
"""project_id: int; changes: a list of (user id or None, the fields that really changed)."""

membership_changed = Signal()
"""project_id: int; user_id: int; role: `Role`, or None where the user is no member any more;
actor_id: int or None."""

canvas_added = Signal()
"""canvas: the new `Canvas`; actor_id: int."""

project_deleted = Signal()
"""project_id: int; actor_id: int or None."""
