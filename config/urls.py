"""Route the demo site."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from projects import media
from projects.throttling import limited
from projects.views import page

urlpatterns = [
    path("", page),
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}projects/favicon.svg")),
    path("", include("realtime.urls")),
    # Limited: both take a password.
    path("admin/login/", limited(admin.site.login)),
    path(
        "admin/password_change/",
        limited(admin.site.admin_view(admin.site.password_change, cacheable=True)),
    ),
    path("admin/", admin.site.urls),
    path("api/", include("projects.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("media/<path:name>", media.serve),
]
