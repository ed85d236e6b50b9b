from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View
from django.views.generic import DeleteView, DetailView, ListView, UpdateView
from django.views.generic.edit import FormMixin, ProcessFormView

from todos.forms import PasteForm, TodoForm
from todos.models import Todo, TodoList


class OwnLists(LoginRequiredMixin):
    def get_queryset(self):
        return TodoList.objects.filter(people=self.request.user)


class OwnTodos(LoginRequiredMixin):
    def get_queryset(self):
        return Todo.objects.filter(todolist__people=self.request.user)

    def get_success_url(self):
        return reverse("list", args=[self.object.todolist_id])


class Lists(OwnLists, ListView):
    pass


class ShowList(OwnLists, FormMixin, ProcessFormView, DetailView):
    """A list, and the form for a new todo on it."""

    form_class = TodoForm

    def form_valid(self, form):
        form.instance.todolist = get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])
        form.save()
        return HttpResponseRedirect(self.request.path)

    def get(self, request, *args, **kwargs):
        return DetailView.get(self, request, *args, **kwargs)

    def form_invalid(self, form):
        self.object = self.get_object()
        return self.render_to_response(self.get_context_data(form=form), status=422)


class EditTodo(OwnTodos, UpdateView):
    form_class = TodoForm


class DeleteTodo(OwnTodos, DeleteView):
    pass


class ChangeAll(OwnLists, View):
    """What one button does to all todos of a list."""

    def post(self, request, pk, action):
        todolist = get_object_or_404(self.get_queryset(), pk=pk)
        match action:
            case "finish":
                todolist.todos.update(done=True)
            case "clear":
                todolist.todos.filter(done=True).delete()
            case "paste":
                form = PasteForm(request.POST)
                lines = form.data["lines"].splitlines() if form.is_valid() else []
                Todo.objects.bulk_create(Todo(todolist=todolist, text=line) for line in lines)
        return HttpResponseRedirect(reverse("list", args=[pk]))
