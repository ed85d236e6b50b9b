"""Runs a stack for tests in another language: `python -m tests.harness.serve`.

Prints one line of JSON once it serves, and ends with its standard input.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path

from tests.harness.stack import running_stack


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory(prefix="realtime-stack-") as directory,
        running_stack(Path(directory)) as stack,
    ):
        sys.stdout.write(json.dumps({"url": stack.web.url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
