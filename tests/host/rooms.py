"""The rooms of the second host: all that it has to write."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.db.models import Model

from realtime import rooms
from realtime.rooms import Access, AnyOf, Argument, CompiledQuery, Invalid, Outcome, Update, Updated
from tests.host.models import ShoppingList


@CompiledQuery
def _places(list_ids: Argument, user_ids: Argument) -> Any:
    shoppers = ShoppingList.shoppers.through.objects.filter(
        AnyOf("shoppinglist_id", list_ids), AnyOf("user_id", user_ids)
    )
    return shoppers.values_list("shoppinglist_id", "user_id")


class Lists(rooms.Room):
    model: ClassVar[type[Model] | None] = ShoppingList

    def access(
        self, keys: Collection[Any], user_ids: Collection[Any]
    ) -> dict[tuple[Any, Any], Access]:
        return dict.fromkeys(_places(keys, user_ids), Access("shopper", may_update=True))

    def snapshots(self, keys: Collection[Any]) -> dict[Any, dict[str, Any]]:
        rows = ShoppingList.objects.filter(pk__in=keys)
        return dict(rows.values_list("pk", "items"))

    def lock(self, keys: Collection[Any]) -> dict[Any, ShoppingList]:
        rows = ShoppingList.objects.select_for_update().order_by("pk").filter(pk__in=keys)
        return {row.pk: row for row in rows}

    def update(self, pending: Mapping[Any, rooms.Pending]) -> dict[Any, list[Outcome]]:
        outcomes = {}
        for key, (shopping, updates) in pending.items():
            outcomes[key] = [self._update(shopping, update) for update in updates]
            shopping.save()
        return outcomes

    def _update(self, shopping: ShoppingList, update: Update) -> Outcome:
        if any(not isinstance(count, int) or count < 0 for count in update.data.values()):
            return Invalid({"items": ["How many? A count is 0 or more."]})
        changes = {k: v for k, v in update.data.items() if shopping.items.get(k) != v}
        if not changes:
            return Updated()
        shopping.items.update(changes)
        [event] = rooms.append(
            rooms.room_of(shopping), [rooms.updated(changes, actor_id=update.user_id)]
        )
        return Updated(event)


@rooms.register
class ListRoom(Lists):
    """Serve lists as `list`, by the rule of the noun."""


class ShoppingRoom(Lists):
    """Serve lists as `project`, for tests that speak the words of the original contract."""

    kind = "project"
