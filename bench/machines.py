"""Where things run: the server on one core, the load generator and the stores on another."""

from __future__ import annotations

import os
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = CORES[:1]
OTHER_CORES = CORES[1:2] or CORES


def facts() -> dict[str, str]:
    """Return what the figures depend on."""
    info = Path("/proc/cpuinfo").read_text()
    model = next(
        (line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line),
        "unknown",
    )
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "processor": model,
        "cores": str(len(CORES)),
        "memory": f"{int(memory) / 2**20:.0f} GiB",
        "kernel": os.uname().release,
    }
