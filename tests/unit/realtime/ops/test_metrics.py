from __future__ import annotations

import pytest
from django.http import Http404
from django.test import RequestFactory
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from realtime.metrics import Histogram
from realtime.ops import prometheus


def test_a_histogram_counts_up_to_and_including_its_bounds() -> None:
    histogram = Histogram((1, 2, 4))
    for value in (0, 1, 1.5, 2, 3, 4, 5, 100):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 2, 2]
    assert histogram.sum == 116.5


def page(authorization: str | None = None) -> str:
    headers = {} if authorization is None else {"Authorization": authorization}
    return prometheus.metrics(RequestFactory().get("/metrics", headers=headers)).content.decode()


def test_the_page_is_what_prometheus_reads(settings: Settings) -> None:
    settings.DEBUG = True
    families = {family.name for family in text_string_to_metric_families(page())}
    assert families >= {
        "realtime_sockets",
        "realtime_rooms",
        "realtime_commands",
        "realtime_errors",
        "realtime_deliveries",
        "realtime_repairs",
        "realtime_publish_failures",
        "realtime_update_seconds",
        "realtime_batch_size",
        "process_resident_memory_bytes",
    }


@pytest.mark.parametrize("debug", [True, False])
def test_the_token_opens_the_page(settings: Settings, *, debug: bool) -> None:
    settings.DEBUG = debug
    settings.REALTIME = settings.REALTIME | {"METRICS_TOKEN": "secret"}
    assert "realtime_sockets" in page("Bearer secret")
    for wrong in (None, "", "secret", "Bearer ", "Bearer other", "Basic secret"):
        with pytest.raises(Http404):
            page(wrong)


def test_without_a_token_the_page_is_for_development(settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {"METRICS_TOKEN": ""}
    settings.DEBUG = False
    for authorization in (None, "Bearer "):
        with pytest.raises(Http404):
            page(authorization)
