"""The rooms of the second host: all that it has to write."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from realtime import rooms
from realtime.rooms import Access, AnyOf, Argument, CompiledQuery, Invalid, Outcome, Update, Updated
from tests.host.models import Board, Page, Post, Shared, ShoppingList

_SHOPPER = Access("shopper", may_update=True)
Places = dict[tuple[Any, Any], Access]


class SharedRoom(rooms.Room):
    """Serve things that are shared, whatever their keys are."""

    model: ClassVar[Any]

    def access(self, keys: Collection[Any], user_ids: Collection[Any]) -> Places:
        shoppers = self.model.shoppers
        key, user = shoppers.field.m2m_column_name(), shoppers.field.m2m_reverse_name()
        rows = shoppers.through.objects.filter(AnyOf(key, keys), AnyOf(user, user_ids))
        return dict.fromkeys(rows.values_list(key, user), _SHOPPER)

    def snapshots(self, keys: Collection[Any]) -> dict[Any, dict[str, Any]]:
        rows = self.model.objects.filter(pk__in=keys)
        return dict(rows.values_list("pk", "items"))

    def lock(self, keys: Collection[Any], *, skip_locked: bool = False) -> dict[Any, Shared]:
        rows = self.model.objects.select_for_update(skip_locked=skip_locked).order_by("pk")
        return {row.pk: row for row in rows.filter(pk__in=keys)}

    def update(self, pending: Mapping[Any, rooms.Pending]) -> dict[Any, list[Outcome]]:
        outcomes = {}
        for key, (shared, updates) in pending.items():
            outcomes[key] = [self._update(shared, update) for update in updates]
            shared.save()
        return outcomes

    def _update(self, shared: Shared, update: Update) -> Outcome:
        if any(not isinstance(count, int) or count < 0 for count in update.data.values()):
            return Invalid({"items": ["How many? A count is 0 or more."]})
        changes = {k: v for k, v in update.data.items() if shared.items.get(k) != v}
        if not changes:
            return Updated()
        shared.items.update(changes)
        room = rooms.RoomId.of(self.kind, shared.pk)
        [event] = rooms.append_all({room: [rooms.updated(changes, actor_id=update.user_id)]})[room]
        return Updated(event)


@CompiledQuery
def _places(list_ids: Argument, user_ids: Argument) -> Any:
    shoppers = ShoppingList.shoppers.through.objects.filter(
        AnyOf("shoppinglist_id", list_ids), AnyOf("user_id", user_ids)
    )
    return shoppers.values_list("shoppinglist_id", "user_id")


class Lists(SharedRoom):
    model: ClassVar[Any] = ShoppingList

    def access(self, keys: Collection[Any], user_ids: Collection[Any]) -> Places:
        return dict.fromkeys(_places(keys, user_ids), _SHOPPER)


class ShoppingRoom(Lists):
    """Serve lists as `project`, for tests that speak the words of the original contract."""

    kind = "project"


@rooms.register
class ListRoom(Lists):
    """Serve lists as `list`, by the rule of the noun."""


@rooms.register
class BoardRoom(SharedRoom):
    model = Board


@rooms.register
class PageRoom(SharedRoom):
    model = Page


@rooms.register
class PostRoom(SharedRoom):
    model = Post
