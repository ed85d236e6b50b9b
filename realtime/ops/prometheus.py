"""Expose the metrics of this server process in the text format of Prometheus.

    path("metrics", prometheus.metrics)

Each process answers for itself: have Prometheus ask each one, not the port that they share.
A request needs ``Authorization: Bearer <METRICS_TOKEN>``; without that setting, the page is there
with DEBUG only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from itertools import accumulate

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from realtime import conf
from realtime.db import threads
from realtime.live import process
from realtime.metrics import Histogram, current
from realtime.protocol.errors import CloseCode, ErrorCode, not_found_code
from realtime.rooms import registry


@threads.without_transaction
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_see(request):
        raise Http404
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


metrics.login_required = False  # type: ignore[attr-defined]  # its token is asked for instead


def _may_see(request: HttpRequest) -> bool:
    token = conf.get().METRICS_TOKEN
    if not token:
        return settings.DEBUG
    return constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")


@cache
def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(RealtimeCollector())
    return registry


class RealtimeCollector(Collector):
    """Collect the metrics, for a registry of the host's own if it has one."""

    def collect(self) -> Iterator[Metric]:
        yield from _now()
        yield from _so_far()


def _now() -> Iterator[Metric]:
    now = process.gauges()
    yield _gauge("sockets", "Open sockets of users who signed in", now.sockets)
    yield _gauge("joined_sockets", "Of these, sockets that are in a room", now.joined)
    yield _gauge("rooms", "Rooms with a local socket", now.rooms)
    yield _gauge("subscriptions", "Sockets in rooms, once for each room", now.subscriptions)
    yield _gauge("rooms_behind", "Rooms that wait for an event from the log", now.behind)
    yield _gauge("unsent_bytes", "Bytes that wait for slow clients", now.unsent)
    yield _gauge("unsent_bytes_max", "Bytes that wait for the slowest client", now.largest_unsent)
    yield _gauge(
        "unchecked_seconds", "Since the access of some socket was last checked", now.unchecked
    )
    yield _gauge("draining", "1 while the process ends", int(now.is_draining))


def _so_far() -> Iterator[Metric]:
    known = {
        "closes": _ENDINGS,
        "commands": registry.commands().types,
        "errors": _error_codes(),
        "access_failures": ("users", "room_users"),
    }
    for each in fields(current):
        text, value = each.metadata["text"], getattr(current, each.name)
        match value:
            case Histogram():
                yield _histogram(each.name, text, value)
            case Counter():
                label = each.metadata["label"]
                yield _labelled(each.name, text, label, value, known[each.name])
            case _:
                yield _counter(each.name, text, value)


def _error_codes() -> list[str]:
    return [*ErrorCode, *(not_found_code(kind) for kind in registry.kinds())]


_ENDINGS = [*(str(code.value) for code in CloseCode), "client", "send_timeout"]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"realtime_{name}", text, value)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"realtime_{name}", text, value)


def _labelled(
    name: str, text: str, label: str, counts: Counter[str], known: Iterable[str]
) -> Metric:
    """Return a counter with every known label from the start: a rate needs its first 0."""
    family = CounterMetricFamily(f"realtime_{name}", text, labels=[label])
    for value in sorted(known):
        family.add_metric([value], counts[value])
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
    return HistogramMetricFamily(f"realtime_{name}", text, buckets=buckets, sum_value=histogram.sum)
