"""The admin of a running server, as a person uses it."""

from __future__ import annotations

import re
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, build_opener

from tests.harness.stack import DEMO_PASSWORD


class Admin:
    """A browser that is signed in to the admin as alice, without the browser."""

    def __init__(self, base: str) -> None:
        self.base = f"{base}/admin"
        self.opener: OpenerDirector = build_opener(
            ProxyHandler({}), HTTPCookieProcessor(CookieJar())
        )
        self.submit("/login/", username="alice", password=DEMO_PASSWORD, next="/admin/")

    def page(self, path: str) -> str:
        with self.opener.open(self.base + path, timeout=10) as response:
            return str(response.read().decode())

    def submit(self, path: str, **fields: str) -> str:
        """Fill in the form of a page."""
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page(path))
        assert found
        body = urlencode({"csrfmiddlewaretoken": found[1], **fields}).encode()
        with self.opener.open(self.base + path, body, timeout=10) as response:
            return str(response.read().decode())
