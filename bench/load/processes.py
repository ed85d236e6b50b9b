"""CPU time and memory of other processes, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of the processes and all their descendants, user and system."""
    return sum(_cpu(member) for pid in pids for member in family(pid))


def _cpu(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text()
    # The second field, the name, may hold spaces; it ends with the last parenthesis.
    fields = stat[stat.rindex(")") + 2 :].split()
    # utime, stime, and those of children that have ended: a database has one per connection.
    return sum(map(int, fields[11:15])) / _TICKS


def memory(pids: Iterable[int]) -> int:
    """Return the bytes of memory that the processes hold and share with nobody."""
    return sum(_private(pid) for pid in pids)


def _private(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in family(int(child)))]
