"""The sites of `examples/`: each is made live by its patch, which is short, and then run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.harness.absent import ABSENT
from tests.harness.examples import EXAMPLES, NAMES, changed_lines, live
from tests.harness.process import ROOT, run_python
from tests.harness.valkey import Valkey

MOST_LINES = 25
SETTINGS = """
import os
from pathlib import Path

import dj_database_url

from mysite.settings import *

CELERY_TASK_ALWAYS_EAGER = True
CELERY_RESULT_BACKEND = "cache+memory://"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if "DATABASE_URL" in os.environ:
    DATABASES["default"] |= {"OPTIONS": {}, **dj_database_url.parse(os.environ["DATABASE_URL"])}
    DATABASES["default"]["TEST"] = {"NAME": f"test_example_{os.getpid()}"}
"""
"""Settings of a site for its tests: quick, and with the database that all tests have."""
NOT_INSTALLED = {"orders": ["prometheus_client"]}
"""Packages that a site is without, though they are here; most have neither REST nor Celery."""


def test_lines_are_counted() -> None:
    patch = """diff --git before/a.py after/a.py
index 58d4f64..004c135 100644
--- before/a.py
+++ after/a.py
@@ -1,6 +1,7 @@
 same
-import old
+import new
+import more

 same
-gone
+
+  # a comment
"""
    assert changed_lines(patch) == 3
    assert changed_lines("-one\n-two\n+three\n") == 2


@pytest.mark.parametrize("name", NAMES)
def test_few_lines_make_an_example_live(name: str) -> None:
    assert changed_lines((EXAMPLES / name / "live.patch").read_text()) <= MOST_LINES


# On PostgreSQL one is enough: UUIDs are columns of their own there.
@pytest.mark.parametrize(
    "name", ["todos", "orders", pytest.param("maps", marks=pytest.mark.database)]
)
def test_an_example_runs(name: str, tmp_path: Path, valkey: Valkey) -> None:
    """Run the site's own tests, and those with two clients, in one process."""
    site = live(name, tmp_path)
    absent = NOT_INSTALLED.get(name, ["celery", "rest_framework", "rest_framework_simplejwt"])
    (site / "sitecustomize.py").write_text(ABSENT % json.dumps(absent))
    (site / "testing.py").write_text(SETTINGS)
    shutil.copy(EXAMPLES / name / "test_live.py", site)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "REDIS_URL": valkey.url,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take as long to import as the site
    }
    plugins = ("pytest_django.plugin", "pytest_asyncio.plugin", "pytest_timeout")
    shown = run_python(
        *(environment, "-m", "pytest", "-c", "pytest.ini", f"--rootdir={site}", "--ds=testing"),
        *(option for plugin in plugins for option in ("-p", plugin)),
        *("-q", "-p", "no:cacheprovider", "-o", "python_files=test_live.py tests.py", str(site)),
        timeout=110,
    )
    assert " passed" in shown
