"""What `pip install django-realtime-rooms` puts on a machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import FileSystemStorage

from realtime import __version__, extras
from tests.harness.environments import environment
from tests.harness.process import ROOT, run_python

METADATA = f"django_realtime_rooms-{__version__}.dist-info"
SDK = ROOT / "realtime" / "static"
SDK_FILES = (
    *("console.css", "console.js", "live-field.js", "realtime.js", "realtime.min.js"),
    *("realtime.min.js.map", "shared.js"),
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    [path] = directory.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_bytes(wheel.read(f"{METADATA}/METADATA"))


def test_the_wheel_has_all_of_realtime_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    own = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "realtime").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.startswith(METADATA)} == own
    assert {Path(name).suffix for name in own} >= {".py", ".lua", ".html", ".js", ".map", ".typed"}
    assert f"{METADATA}/licenses/LICENSE" in names


CLIENT = """
import sys
from realtime.client import Realtime
Realtime("ws://127.0.0.1", token="t")
print({name.partition(".")[0] for name in sys.modules} & {"django", "channels", "redis", "msgspec"})
"""


def test_the_python_client_needs_websockets_alone(wheel: zipfile.ZipFile) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = environment(sys.executable, project["optional-dependencies"]["client"])
    done = subprocess.run(
        [str(python), "-W", "error", "-c", CLIENT],
        env={"PYTHONPATH": str(wheel.filename)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "set()\n"


def test_the_wheel_says_what_it_is(metadata: Message) -> None:
    assert metadata["Name"] == "django-realtime-rooms"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Framework :: Django :: 5.2" in metadata.get_all("Classifier", [])


def test_a_host_that_needs_no_extra_gets_none(metadata: Message) -> None:
    extras = set(metadata.get_all("Provides-Extra", []))
    assert extras == {"jwt", "celery", "api", "metrics", "client", "dev"}
    requirements = metadata.get_all("Requires-Dist", [])
    core = {text.split(">")[0] for text in requirements if "extra ==" not in text}
    assert core == {"django", "channels", "channels-redis", "redis", "hiredis", "msgspec"}


def test_the_javascript_client_has_the_same_version() -> None:
    package = json.loads((ROOT / "client" / "package.json").read_text())
    assert package["version"] == __version__
    assert (
        package["license"]
        == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    )


class Hashed(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True


def test_the_static_client_survives_hashing(tmp_path: Path) -> None:
    storage = Hashed(location=tmp_path, base_url="/static/")
    source = FileSystemStorage(location=SDK)
    paths = {f"realtime/{name}": (source, f"realtime/{name}") for name in SDK_FILES}
    for name in paths:
        with source.open(name) as file:
            FileSystemStorage(location=tmp_path).save(name, file)
    processed = list(storage.post_process(paths))
    assert [result for _, _, result in processed if isinstance(result, Exception)] == []
    minified = (tmp_path / storage.stored_name("realtime/realtime.min.js")).read_text()
    map_name = storage.stored_name("realtime/realtime.min.js.map")
    assert minified.endswith(f"//# sourceMappingURL={Path(map_name).name}\n")


WITHOUT_EXTRAS = """
import sys
ABSENT = {absent!r}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in ABSENT else find_spec(name, *a)

from django.conf import settings
settings.configure(
    SECRET_KEY="k" * 50,
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
        "django.contrib.messages", "django.contrib.sessions", "channels", "realtime", "tests.host",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {{"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]}},
    }}],
    ROOT_URLCONF="realtime.urls",
    DATABASES={{"default": {{
        "ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:",
        "OPTIONS": {{"transaction_mode": "IMMEDIATE"}},
    }}}},
    CHANNEL_LAYERS={{"default": {{"BACKEND": "realtime.layer.PubSubChannelLayer"}}}},
)
from realtime.asgi import get_asgi_application
application = get_asgi_application()
from django.core.checks import run_checks
print([message.id for message in run_checks(databases=[])])
from realtime import conf
print(conf.get().AUTHENTICATION_CLASSES)
import realtime.admin, realtime.consumers, realtime.live.process
print(sorted(ABSENT & {{name.partition(".")[0] for name in sys.modules}}))
for name in ("tasks", "api", "client", "auth.tokens"):
    try:
        importlib.import_module(f"realtime.{{name}}")
    except ImportError as error:
        print(error)
"""
ABSENT = {
    *extras.PACKAGES,
    *("kombu", "daphne", "twisted", "uvicorn", "PIL", "corsheaders", "csp", "whitenoise"),
}


def test_a_site_runs_without_any_extra_and_is_told_which_one_it_lacks() -> None:
    program = WITHOUT_EXTRAS.format(absent=ABSENT)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    lines = run_python(environment, "-c", program).splitlines()
    assert lines[:3] == ["[]", "['realtime.auth.sessions.SessionAuthentication']", "[]"]
    needs = 'needs the package {}: pip install "django-realtime-rooms[{}]"'
    for line, (package, extra) in zip(
        lines[3:],
        [
            ("celery", "celery"),
            ("drf_spectacular", "api"),
            ("websockets", "client"),
            ("jwt", "jwt"),
        ],
        strict=True,
    ):
        assert needs.format(package, extra) in line
