"""The work of script/autobahn."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.harness.ports import free_port  # noqa: E402

SUITE = "autobahntestsuite==0.8.2"
CASES = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,10.*"
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
KNOWN = {"1.2.1"}  # Daphne does not send an empty binary message


def main() -> int:
    python2 = shutil.which(os.environ.get("PYTHON2", "python2.7"))
    if python2 is None:
        print("The suite needs Python 2.7: PYTHON2=/path/to/python2.7", file=sys.stderr)
        return 2
    directory = ROOT / "var" / "autobahn"
    suite = directory / "suite"
    if not suite.exists():
        command = [python2, "-m", "pip", "install", "--quiet", "--target", str(suite), SUITE]
        subprocess.run(command, check=True)
    port = free_port()
    options = ["--bind=127.0.0.1", f"--port={port}", "--access-log=/dev/null"]
    options += ["--websocket-max-message-size=33554432"]
    server = subprocess.Popen(
        [sys.executable, "-m", "daphne", *options, "tests.harness.echo:application"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
    )
    try:
        wait_for(port)
        run(python2, suite, directory, port)
    finally:
        server.terminate()
        server.wait()
    return judge(directory / "report")


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise TimeoutError("The server does not answer")
        time.sleep(0.1)


def run(python2: str, suite: Path, directory: Path, port: int) -> None:
    specification = {
        "outdir": str(directory / "report"),
        "servers": [{"agent": "Daphne", "url": f"ws://127.0.0.1:{port}"}],
        "cases": os.environ.get("CASES", CASES).split(","),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (directory / "fuzzingclient.json").write_text(json.dumps(specification))
    # A site directory, not just a path: zope's packages want their .pth file read.
    program = f"import site; site.addsitedir({str(suite)!r}); "
    program += "from autobahntestsuite.wstest import run; run()"
    subprocess.run(
        [python2, "-c", program, "-m", "fuzzingclient", "-s", "fuzzingclient.json"],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def judge(report: Path) -> int:
    results = json.loads((report / "index.json").read_text())["Daphne"]
    failed = {
        case
        for case, result in results.items()
        if not {result["behavior"], result["behaviorClose"]} <= GOOD
    }
    print(f"{len(results)} cases, {len(failed)} failed: {', '.join(sorted(failed)) or 'none'}")
    unknown = failed - KNOWN
    if unknown:
        print(f"Not known to fail: {', '.join(sorted(unknown))}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
