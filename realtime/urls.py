"""Route health and metrics of a server process: `path("", include("realtime.urls"))`."""

from django.urls import path

from realtime import extras
from realtime.ops import health

urlpatterns = [
    path("health/live", health.live),
    path("health/ready", health.ready),
]
if extras.has("prometheus_client"):
    from realtime.ops import prometheus

    urlpatterns.append(path("metrics", prometheus.metrics))
