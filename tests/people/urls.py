from django.contrib import admin
from django.urls import path

from realtime.api import EventsView, TicketView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/projects/<int:project_id>/events/", EventsView.as_view()),
    path("api/boards/<uuid:board_id>/events/", EventsView.as_view()),
    path("api/ws-ticket/", TicketView.as_view()),
]
