"""Tasks that run eagerly, as in the tests of many projects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.test import TestCase
from django.utils.functional import SimpleLazyObject

from realtime import rooms
from realtime.db import threads
from realtime.events import log
from realtime.models import Event, TaskState
from tests.harness.rooms import row
from tests.tasks import cases

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = 7


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


def told() -> list[tuple[str, str]]:
    return [(event.type, event.payload["task_type"]) for event in log.tail(row(PROJECT), 0)]


def test_an_eager_task_is_told_of_like_any_other() -> None:
    assert cases.adopted.delay(project_id=PROJECT).get() == "as before"
    cases.raises.delay(project_id=PROJECT)
    assert told() == [("task_completed", "adopted"), ("task_failed", "raises")]


def test_a_task_that_waits_for_the_commit_still_can() -> None:
    """Celery gives every task of a Django site these methods; a site calls them already."""
    with transaction.atomic():
        cases.adopted.delay_on_commit(project_id=PROJECT)
        assert told() == []
    assert told() == [("task_completed", "adopted")]


def test_an_eager_task_that_is_tried_again_ends_once() -> None:
    cases.retries.delay(project_id=PROJECT)
    assert told() == [("task_completed", "retries")]
    assert TaskState.objects.get().progress == 100


def test_it_is_run_by_who_starts_it() -> None:
    with rooms.acting(54321):
        assert cases.tells_who_acts.delay(attempts=2).get() == 54321
        assert cases.tells_who_acts.apply().get() == 54321
        task_id = cases.adopted.enqueue(project_id=PROJECT)
    assert TaskState.objects.get(task_id=task_id).user_id == 54321
    assert Event.objects.get().actor_id == 54321
    assert cases.tells_who_acts.delay().get() is None


async def test_on_an_event_loop_it_is_refused() -> None:
    request = HttpRequest()  # of an async view; the session's user is not read yet
    request.user = cast("User", SimpleLazyObject(User.objects.first))
    with (
        rooms.acting(request),
        pytest.raises(RuntimeError, match="call it through sync_to_async"),
    ):
        cases.adopted.delay(project_id=PROJECT)
    await threads.write(lambda: cases.adopted.delay(project_id=PROJECT))
    assert await threads.run(told) == [("task_completed", "adopted")]


class EagerInATransaction(TestCase):
    """As in the tests of most projects."""

    def test_a_failure_is_told_of_and_the_transaction_goes_on(self) -> None:
        cases.raises.delay(project_id=PROJECT)
        assert told() == [("task_failed", "raises")]
