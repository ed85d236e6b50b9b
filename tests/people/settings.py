"""The settings of the tests, for a project that has another user model and no `projects`."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS, REALTIME

INSTALLED_APPS = [
    "tests.people",
    *(app for app in INSTALLED_APPS if app not in ("projects", "config")),
]
AUTH_USER_MODEL = "people.User"
ROOT_URLCONF = "tests.people.urls"
REALTIME = {
    **REALTIME,
    "ACCESS_INTERVAL": 0.05,  # type: ignore[dict-item]
}
SIMPLE_JWT = {"LEEWAY": 5}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
}
MIGRATION_MODULES = {"people": None}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # Beside the database of the tests that run these.
    DATABASES["default"]["TEST"] = {"NAME": f"test_people_{os.getpid()}"}
