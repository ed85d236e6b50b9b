"""Virtual environments with given packages, kept from run to run: registries are asked once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def environment(python: str, requirements: Sequence[str]) -> Path:
    """Return the interpreter of an environment; it is made if there is none. Nothing changes it.

    Raises:
        subprocess.CalledProcessError: if the packages cannot be had; pip has said why.
    """
    version = subprocess.run([python, "-VV"], check=True, capture_output=True, text=True).stdout
    name = hashlib.sha256(repr((version, requirements)).encode()).hexdigest()[:16]
    home = _CACHE / "django-realtime-rooms" / name
    home.mkdir(parents=True, exist_ok=True)
    interpreter = home / "bin" / "python"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            subprocess.run([python, "-m", "venv", "--without-pip", str(home)], check=True)
            pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "-qqq"]
            subprocess.run([*pip, "--no-compile", *requirements], check=True)
            (home / "complete").touch()
    return interpreter
