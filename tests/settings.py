"""`config.settings` as the tests run it: nothing outside a temporary directory is touched.

pytest-django loads the settings before any conftest.py, so the surroundings are made here. A
`DATABASE_URL` is honoured: in-process tests use `test_<name>` on that server. A `REDIS_URL` is
not: the tests kill, flush and poison their Valkey, so it is always their own.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_var = tempfile.mkdtemp(prefix="realtime-test-")
atexit.register(shutil.rmtree, _var, ignore_errors=True)
os.environ.pop("REDIS_URL", None)
os.environ["VAR_DIR"] = _var
os.environ["DEBUG"] = "1"
os.environ["SIGN_IN_RATE"] = "10000/min"

from config.settings import *  # noqa: E402, F403

MEDIA_ROOT = Path(_var) / "media"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, not safe
DATABASES = DATABASES | {  # noqa: F405
    # For a host with more than one: see tests/integration/db/test_databases.py.
    "other": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{_var}/other.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
        "TEST": {"NAME": f"{_var}/test-other.sqlite3"},
    }
}
INSTALLED_APPS = [*INSTALLED_APPS, "tests.host", "tests.boards"]  # noqa: F405  (the second host)
MIDDLEWARE = [*MIDDLEWARE, "realtime.middleware.ActorMiddleware"]  # noqa: F405
