"""The same project with users whose keys are UUIDs."""

import os

from tests.people.settings import *  # noqa: F403
from tests.people.settings import DATABASES, REALTIME

AUTH_USER_MODEL = "people.Guest"
REALTIME = {
    **REALTIME,
    "AUTHENTICATION_CLASSES": [
        "realtime.auth.tokens.JWTAuthentication",
        "realtime.auth.sessions.SessionAuthentication",
    ],
}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["TEST"] = {"NAME": f"test_guests_{os.getpid()}"}
