from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("projects.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # In production a web server in front serves MEDIA_ROOT; this does nothing without DEBUG.
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
