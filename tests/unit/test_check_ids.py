"""Each system check has an id of its own: operators silence checks by these."""

from __future__ import annotations

import re
from collections import Counter

from tests.harness.process import ROOT


def test_no_two_checks_share_an_id() -> None:
    texts = [path.read_text() for path in (ROOT / "realtime" / "checks").glob("*.py")]
    counts = Counter(re.findall(r'id="(realtime\.[EW]\d+)"', "".join(texts)))
    assert len(counts) > 20
    assert {name for name, count in counts.items() if count > 1} == set()
