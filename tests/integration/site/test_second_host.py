"""`realtime` in another project: no `projects`, another model, the same protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail

from realtime.db import threads
from realtime.rooms import Invalid, Outcome, Pending
from tests.harness.rooms import serve
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.rooms import ShoppingRoom

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]


async def test_a_list_is_shared() -> None:
    list_id, tokens = await threads.run(make_list, "alice", "bob")
    alice, bob = [await Socket.connect(token) for token in tokens]
    joined = await alice.join(list_id)
    assert joined["project"] == {"bread": 1}
    assert joined["role"] == "shopper"
    await bob.join(list_id)

    reply = await alice.update(list_id, {"milk": 2}, idempotency_key="once")
    assert reply["payload"] == {"seq": 1, "changes": {"milk": 2}, "duplicate": False}
    assert (await bob.until("project_updated"))["payload"]["changes"] == {"milk": 2}

    again = await alice.update(list_id, {"milk": 2}, idempotency_key="once")
    assert again["payload"] == {"seq": 1, "changes": {"milk": 2}, "duplicate": True}

    refused = await bob.update(list_id, {"milk": -2})
    assert refused["payload"]["code"] == "VALIDATION_ERROR"
    assert "items" in refused["payload"]["details"]
    await bob.disconnect()
    assert (await alice.until("user_left"))["payload"]["project_id"] == list_id
    await alice.disconnect()


class Refuses(ShoppingRoom):
    """Says why in words of Django and of REST framework, which are texts and yet are none."""

    def update(self, pending: Mapping[Any, Pending]) -> dict[Any, list[Outcome]]:
        words = [ErrorDetail("Too many."), gettext_lazy("Enter a number."), mark_safe("<b>")]
        return {
            key: [Invalid({"items": words}) for _ in each.updates] for key, each in pending.items()
        }


class Returns(ShoppingRoom):
    """Returns no outcome."""

    def update(self, pending: Mapping[Any, Pending]) -> dict[Any, list[Outcome]]:
        return {key: [{"milk": 2}] for key in super().update(pending)}  # type: ignore[list-item]


async def test_whatever_a_host_answers_an_update_gets_its_reply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    list_id, [token] = await threads.run(make_list, "alice")
    alice = await Socket.connect(token)
    await alice.join(list_id)
    serve(monkeypatch, Refuses)
    refused = await alice.update(list_id, {"milk": 2})
    assert refused["payload"]["details"] == {"items": ["Too many.", "Enter a number.", "<b>"]}
    serve(monkeypatch, Returns)
    failed = await alice.update(list_id, {"milk": 2})
    assert failed["payload"]["code"] == "INTERNAL_ERROR"
    await alice.disconnect()


async def test_a_stranger_sees_no_list() -> None:
    list_id, _ = await threads.run(make_list, "alice")
    _, [token] = await threads.run(make_list, "dave")
    dave = await Socket.connect(token)
    forbidden = await dave.call("join_project", {"project_id": list_id})
    missing = await dave.call("join_project", {"project_id": 10**6})
    assert forbidden["payload"]["code"] == missing["payload"]["code"] == "PROJECT_NOT_FOUND"
    await dave.disconnect()
