"""`script/bench [--quick] [ROW …]`: measures rows (all of them), prints and writes them."""

from __future__ import annotations

import argparse
import os
import sys
import time

from bench import machines, report, results, stores
from bench.rows import BY_NAME, ROWS
from bench.session import Session


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(BY_NAME))
    parser.add_argument(
        "--quick", action="store_true", help="small and short: shows that it works; nothing is kept"
    )
    parser.add_argument("--report", action="store_true", help="only write the page and the plot")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(BY_NAME):
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    if not arguments.report:
        measure(arguments.rows or [row.name for row in ROWS], quick=arguments.quick)
    if not arguments.quick:
        report.write()
    return 0


def measure(names: list[str], *, quick: bool) -> None:
    os.sched_setaffinity(0, machines.OTHER_CORES)
    with stores.running() as running:
        os.environ.update(running.environment)
        import django

        django.setup()
        session = Session(running, quick=quick)
        for name in names:
            begun = time.monotonic()
            result = BY_NAME[name].measure(session)
            result.took = time.monotonic() - begun
            result.quick = quick
            print(report.section(BY_NAME[name], result), flush=True)
            if not quick:
                results.save(result)


if __name__ == "__main__":
    sys.exit(main())
