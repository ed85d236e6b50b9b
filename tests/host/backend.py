"""The host's side of `realtime.rooms.Backend`, whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from realtime import rooms
from realtime.rooms import (
    Access,
    AnyOf,
    Argument,
    CompiledQuery,
    Invalid,
    Outcome,
    ProjectNotFound,
    Update,
    Updated,
)
from tests.host.models import ShoppingList


@CompiledQuery
def _places(project_ids: Argument, user_ids: Argument) -> Any:
    shoppers = ShoppingList.shoppers.through.objects.filter(
        AnyOf("shoppinglist_id", project_ids), AnyOf("user_id", user_ids)
    )
    return shoppers.values_list("shoppinglist_id", "user_id")


class ShoppingBackend:
    model = ShoppingList

    def access(
        self, project_ids: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        return dict.fromkeys(_places(project_ids, user_ids), Access("shopper", may_update=True))

    def snapshots(self, project_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        rows = ShoppingList.objects.filter(pk__in=project_ids)
        return dict(rows.values_list("pk", "items"))

    def lock(self, project_id: int) -> ShoppingList:
        try:
            return ShoppingList.objects.select_for_update().get(pk=project_id)
        except ShoppingList.DoesNotExist:
            raise ProjectNotFound from None

    def update(self, locked: ShoppingList, updates: Sequence[Update]) -> list[Outcome]:
        outcomes = [self._update(locked, update) for update in updates]
        locked.save()
        return outcomes

    def _update(self, locked: ShoppingList, update: Update) -> Outcome:
        user_id, data = update
        if any(not isinstance(count, int) or count < 0 for count in data.values()):
            return Invalid({"items": ["How many? A count is 0 or more."]})
        changes = {k: v for k, v in data.items() if locked.items.get(k) != v}
        if not changes:
            return Updated()
        locked.items.update(changes)
        [event] = rooms.append(
            locked.pk, [rooms.project_updated(locked.pk, changes, actor_id=user_id)]
        )
        return Updated(event)
