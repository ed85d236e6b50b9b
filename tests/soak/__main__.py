"""`script/soak MINUTES SEED`: see the package. Exits with 1 where a guarantee was broken.

Half of the time is spent on SQLite and half on PostgreSQL, one after the other, each on a system
of its own: two Daphnes and a uvicorn, two workers, one Valkey, all on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.harness.postgres import Postgres, running_postgres
from tests.harness.stack import Stack, running_stack
from tests.soak.checks import check_all
from tests.soak.plan import Plan, make_plan
from tests.soak.record import Notes
from tests.soak.run import SETTINGS, run

MOST_SHOWN = 10
"""Violations of one guarantee that are printed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    parser.add_argument("minutes", type=float, help="of load, over both databases")
    parser.add_argument("seed", type=int, help="the same seed makes the same plan")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="only this one")
    parser.add_argument("--keep", type=Path, help="a directory for logs and databases")
    options = parser.parse_args()
    databases = [options.database] if options.database else ["sqlite", "postgres"]
    seconds = options.minutes * 60 / len(databases)
    violations = 0
    for number, database in enumerate(databases):
        plan = make_plan(options.seed + number, seconds)
        print(f"\n{database}, seed {plan.seed}:", *plan.lines(), sep="\n", flush=True)
        violations += soak(database, plan, options.keep)
    return min(violations, 1)


def soak(database: str, plan: Plan, keep: Path | None) -> int:
    """Run a plan, print a report, and return the number of violations."""
    start = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)

    with _running(database, keep) as (stack, postgres):
        notes, counts = asyncio.run(run(plan, stack, postgres, tell))
    return report(database, plan, notes, counts)


@contextmanager
def _running(database: str, keep: Path | None) -> Iterator[tuple[Stack, Postgres | None]]:
    with ExitStack() as clean_up:
        postgres = None
        os.environ.pop("DATABASE_URL", None)
        if database == "postgres":
            postgres = clean_up.enter_context(running_postgres())
            os.environ["DATABASE_URL"] = postgres.url
        if keep is None:
            directory = Path(clean_up.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        else:
            directory = keep.resolve() / database
            directory.mkdir(parents=True)
        yield clean_up.enter_context(running_stack(directory, SETTINGS)), postgres


def report(database: str, plan: Plan, notes: Notes, counts: dict[str, int]) -> int:
    results = check_all(notes)
    print(f"\n{database}, seed {plan.seed}, {plan.seconds:.0f} s of load")
    faults = Counter(fault.kind for fault in plan.faults)
    print("  faults:", ", ".join(f"{count} × {kind}" for kind, count in faults.items()) or "none")
    outcomes = Counter(update.outcome or "open" for update in notes.updates)
    print("  updates:", ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    print("  beside:", ", ".join(f"{count} {name}" for name, count in counts.items()))
    closes = Counter(connection.close_code for connection in notes.connections)
    print("  closes:", ", ".join(f"{count} × {code}" for code, count in closes.items()))
    print("  SIGTERM:", ", ".join(f"{stop.server} {stop.seconds:.1f} s" for stop in notes.stops))
    for usage in notes.usage:
        print(
            f"  {usage.server}: {usage.memory_before / 2**20:.0f} → "
            f"{usage.memory_after / 2**20:.0f} MiB, "
            f"{usage.files_before} → {usage.files_after} files"
        )
    print(f"\n  {'guarantee':<40}{'examined':>10}{'violations':>12}")
    for name, examined, violations in results:
        print(f"  {name:<40}{examined:>10}{len(violations):>12}")
    for name, _, violations in results:
        for violation in violations[:MOST_SHOWN]:
            print(f"\n  {name}: {violation}")
        if len(violations) > MOST_SHOWN:
            print(f"\n  {name}: and {len(violations) - MOST_SHOWN} more")
    return sum(len(violations) for _, _, violations in results)


if __name__ == "__main__":
    sys.exit(main())
