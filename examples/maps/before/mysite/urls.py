from django.contrib import admin
from django.urls import path

from maps import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("maps/<uuid:pk>/", views.ShowMap.as_view(), name="map"),
    path("maps/<uuid:pk>/pins/", views.add_pin, name="add"),
    path("pins/<uuid:pk>/", views.EditPin.as_view(), name="pin"),
]
