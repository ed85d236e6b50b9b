from django.urls import path

from todos import views

urlpatterns = [
    path("", views.Lists.as_view(), name="lists"),
    path("lists/<int:pk>/", views.ShowList.as_view(), name="list"),
    path("lists/<int:pk>/<slug:action>/", views.ChangeAll.as_view(), name="change"),
    path("todos/<int:pk>/", views.EditTodo.as_view(), name="todo"),
    path("todos/<int:pk>/delete/", views.DeleteTodo.as_view(), name="delete"),
]
