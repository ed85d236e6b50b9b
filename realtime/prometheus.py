"""The metrics of this server process, in the text format of Prometheus.

    path("metrics", prometheus.metrics)

Each process answers for itself: have Prometheus ask each one, not the port that they share.
The page is there for whoever sends ``Authorization: Bearer <METRICS_TOKEN>``, and, without that
setting, with DEBUG only.
"""

from __future__ import annotations

from collections.abc import Iterator
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

from realtime import conf, hub
from realtime.metrics import Histogram, current


def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_see(request):
        raise Http404
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


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
    def collect(self) -> Iterator[Metric]:
        sizes = [one.size() for one in hub.all_of_process()]
        yield GaugeMetricFamily(
            "realtime_sockets", "Authenticated sockets", sum(size.sockets for size in sizes)
        )
        yield GaugeMetricFamily(
            "realtime_rooms", "Rooms with a local socket", sum(size.rooms for size in sizes)
        )
        yield _labelled("realtime_commands", "Commands of clients", "type", current.commands)
        yield _labelled("realtime_errors", "Errors told to clients", "code", current.errors)
        yield CounterMetricFamily(
            "realtime_deliveries", "Frames handed to sockets", current.deliveries
        )
        yield CounterMetricFamily(
            "realtime_repairs", "Reads of the log for what the layer lost", current.repairs
        )
        yield CounterMetricFamily(
            "realtime_publish_failures",
            "Messages that the layer did not take",
            current.publish_failures,
        )
        yield _histogram(
            "realtime_update_seconds", "From an update to its reply", current.update_seconds
        )
        yield _histogram(
            "realtime_batch_size", "Updates written in one transaction", current.batch_sizes
        )


def _labelled(name: str, text: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.copy().items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.sum)
