"""Measures what a write costs whose rows a room shows, beside the same write of rows unseen.

    python -m bench.tracked
    python script/with_postgres.py python -m bench.tracked

Times are medians of the whole write, commit and channel layer included, in a process that is no
server, and CPU of this process beside it. Unseen writes are the same, inside `rooms.quiet()`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import F  # noqa: E402
from django.test.utils import (  # noqa: E402
    CaptureQueriesContext,
    setup_databases,
    teardown_databases,
)

from config import redis  # noqa: E402
from realtime import rooms  # noqa: E402
from tests.boards.models import Board, Card  # noqa: E402

ROWS = 500


def save() -> None:
    card = Card.objects.all()[0]
    card.text = str(time.perf_counter())
    card.save()


def save_twenty() -> None:
    with transaction.atomic():
        for card in Card.objects.all()[:20]:
            card.text = str(time.perf_counter())
            card.save()


def bulk_create() -> None:
    board = Board.objects.get()
    Card.objects.bulk_create([Card(board=board, text="A card") for _ in range(ROWS)])


def update() -> None:
    Card.objects.filter(pk__in=Card.objects.values("pk")[:ROWS]).update(position=F("position") + 1)


WRITES: list[tuple[str, Callable[[], None], int]] = [
    ("`save()` of a row", save, 60),
    ("20 × `save()` in a transaction", save_twenty, 15),
    (f"`bulk_create` of {ROWS} rows", bulk_create, 7),
    (f"`update` of {ROWS} rows", update, 7),
]


def measure(write: Callable[[], None], times: int) -> tuple[float, float, int]:
    """Return the median ms of a write, its CPU ms, and its queries."""
    walls, cpus = [], []
    with CaptureQueriesContext(connection) as queries:
        write()
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        write()
        walls.append(1e3 * (time.perf_counter() - wall))
        cpus.append(1e3 * (time.process_time() - cpu))
    return median(walls), median(cpus), len(queries)


def main() -> None:
    redis.ensure_running()
    databases = setup_databases(0, interactive=False)
    try:
        Card.objects.create(board=Board.objects.create(title="Board"), text="A card")
        bulk_create()
        print(f"{connection.display_name}\n")
        print("| | unseen: ms | CPU ms | queries | seen: ms | CPU ms | queries |")
        print("|---|---|---|---|---|---|---|")
        for name, write, times in WRITES:
            with rooms.quiet():
                unseen = measure(write, times)
            seen = measure(write, times)
            cells = [f"{wall:.1f} | {cpu:.1f} | {queries}" for wall, cpu, queries in (unseen, seen)]
            print(f"| {name} | {' | '.join(cells)} |")
    finally:
        teardown_databases(databases, 0)


if __name__ == "__main__":
    main()
