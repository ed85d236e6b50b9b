"""Route health and metrics of a server process: `path("", include("realtime.urls"))`."""

from django.urls import path

from realtime.ops import health, prometheus

urlpatterns = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", prometheus.metrics),
]
