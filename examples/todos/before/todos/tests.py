from django.contrib.auth.models import User
from django.test import TestCase

from todos.models import Todo, TodoList


class TodoTests(TestCase):
    def setUp(self):
        self.user = User.objects.create_user("alice")
        self.todolist = TodoList.objects.create(title="Home")
        self.todolist.people.add(self.user)
        self.client.force_login(self.user)

    def test_a_todo_is_added_and_shown(self):
        page = self.client.post(f"/lists/{self.todolist.pk}/", {"text": " Buy milk "}, follow=True)
        self.assertContains(page, ">Buy milk<")

    def test_nobody_shouts(self):
        page = self.client.post(f"/lists/{self.todolist.pk}/", {"text": "BUY MILK"})
        self.assertContains(page, "Please do not shout", status_code=422)
        self.assertFalse(Todo.objects.exists())

    def test_lists_of_others_are_not_shown(self):
        other = TodoList.objects.create(title="Work")
        self.assertEqual(self.client.get(f"/lists/{other.pk}/").status_code, 404)
        self.assertNotContains(self.client.get("/"), "Work")

    def test_lines_are_pasted_finished_and_cleared(self):
        url = f"/lists/{self.todolist.pk}/"
        self.client.post(f"{url}paste/", {"lines": "One\nTwo"})
        self.client.post(f"{url}finish/")
        self.assertEqual(self.todolist.todos.filter(done=True).count(), 2)
        self.client.post(f"{url}clear/")
        self.assertEqual(self.todolist.todos.count(), 0)
