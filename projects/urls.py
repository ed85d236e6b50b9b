"""Route the REST API under `/api/`."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter
from rest_framework_simplejwt.views import TokenBlacklistView, TokenRefreshView

from projects import api
from realtime.api import EventsView, TicketView

router = SimpleRouter()
router.register("projects", api.ProjectViewSet, basename="project")

urlpatterns = [
    path("token/", api.TokenView.as_view()),
    path("token/refresh/", TokenRefreshView.as_view()),
    path("token/blacklist/", TokenBlacklistView.as_view()),  # sign out
    path("ws-ticket/", TicketView.as_view()),
    path("me/", api.MeView.as_view()),
    path("canvases/<int:pk>/", api.CanvasView.as_view()),
    path("canvases/<int:pk>/analyze/", api.AnalyzeView.as_view()),
    path("canvases/<int:pk>/compose/", api.ComposeView.as_view()),
    path("projects/<int:project_id>/events/", EventsView.as_view(shows_before=True)),
    path("", include(router.urls)),
]
