from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from projects import media
from projects.views import page

urlpatterns = [
    path("", page),
    path("", include("realtime.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("projects.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("media/<path:name>", media.serve),
]
