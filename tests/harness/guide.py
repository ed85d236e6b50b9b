"""The files that a page of docs/ has."""

from __future__ import annotations

import re

from tests.harness.process import ROOT

_FILE = re.compile(
    r"^```(?:python|html)\n(?:# |<!-- )(?P<path>[\w/]+\.\w+)(?P<added> \(at its end\))?(?: -->)?\n"
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def page(name: str) -> str:
    """Return a page of docs/ or another of the repository."""
    return (ROOT / name).read_text()


def files(text: str) -> dict[str, str]:
    """Return files by path; what is added to one begins with an ellipsis, see `wheel.write`."""
    return {
        block["path"]: ("…" if block["added"] else "") + block["text"]
        for block in _FILE.finditer(text)
    }
