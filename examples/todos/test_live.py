"""Two clients see every edit of this site, whichever page or call makes it."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.db import transaction
from django.test import Client

from realtime import rooms
from todos.models import Todo, TodoList

pytestmark = pytest.mark.django_db


class Browser:
    """The pages of a user, and the room of a list: signed in by one session."""

    def __init__(self, connect, user, todolist):
        self.user = user
        self.pages = Client()
        self.pages.force_login(user)
        session = self.pages.cookies["sessionid"].value
        self.socket = connect(
            headers={"Cookie": f"sessionid={session}", "Origin": "http://testserver"}
        )
        self.todolist = todolist
        self.joined = self.socket.join(todolist)

    def post(self, url, **data):
        response = self.pages.post(url, data)
        assert response.status_code == 302, response.content.decode()

    def post_list(self, action="", **data):
        self.post(f"/lists/{self.todolist.pk}/{action}", **data)

    def sees(self, todos, by=None):
        """Receive the next update: these todos, changed by this user."""
        payload = self.socket.receive("todolist_updated")["payload"]
        assert payload["changes"] == {"todos": todos}
        assert payload["updated_by"] == (str(by.pk) if by else "system")


@pytest.fixture
def todolist():
    return TodoList.objects.create(title="Home")


@pytest.fixture
def milk(todolist):
    return Todo.objects.create(todolist=todolist, text="Buy milk", due=date(2026, 12, 1))


@pytest.fixture
def browsers(todolist, milk, realtime_client):
    people = [
        User.objects.create_superuser("alice", "alice@example.org"),
        User.objects.create_user("bob", "bob@example.org"),
    ]
    todolist.people.set(people)
    alice, bob = [Browser(realtime_client, user, todolist) for user in people]
    yield alice, bob
    bob.socket.expect_nothing("todolist_updated")  # each edit was told once


@pytest.fixture
def alice(browsers):
    return browsers[0]


@pytest.fixture
def bob(browsers):
    return browsers[1]


def test_nothing_is_left_to_set_up():
    assert run_checks() == []


def test_the_page(todolist, alice, bob):
    page = alice.pages.get(f"/lists/{todolist.pk}/").content.decode()
    assert 'data-room="{&quot;url&quot;: &quot;/ws/&quot;, &quot;kind&quot;: &quot;todolist' in page
    assert '"realtime": "/static/realtime/realtime.min.js"' in page
    assert "example.org" not in str(bob.joined)


def test_forms(milk, alice, bob):
    key = str(milk.pk)
    assert bob.joined["todolist"] == {
        "title": "Home",
        "todos": {key: {"text": "Buy milk", "due": "2026-12-01", "done": False}},
    }
    # The form saves every field; two are different, and `save` takes the blanks away.
    form = {"text": " Buy bread ", "due": "2026-12-01", "done": "on"}
    alice.post(f"/todos/{milk.pk}/", **form)
    for browser in (alice, bob):
        browser.sees({key: {"text": "Buy bread", "done": True}}, by=alice.user)
    alice.post(f"/todos/{milk.pk}/", **form)  # nothing to tell
    alice.post(f"/todos/{milk.pk}/", text="Buy bread", due="", done="on")
    bob.sees({key: {"due": None}}, by=alice.user)
    assert bob.pages.post(f"/todos/{milk.pk}/", {"text": "BREAD"}).status_code == 200

    bob.post_list(text="Bake")
    bake = Todo.objects.get(text="Bake")
    bob.sees({str(bake.pk): {"text": "Bake", "done": False}}, by=bob.user)
    bob.post(f"/todos/{bake.pk}/delete/")
    bob.sees({str(bake.pk): None}, by=bob.user)


def test_buttons_that_change_many_rows_at_once(milk, alice, bob):
    alice.post_list("paste/", lines="One\nTwo\nThree")  # bulk_create
    pasted = {str(todo.pk): todo for todo in Todo.objects.exclude(pk=milk.pk)}
    assert len(pasted) == 3
    bob.sees({k: {"text": todo.text, "done": False} for k, todo in pasted.items()}, by=alice.user)
    alice.post_list("finish/")  # queryset.update
    bob.sees({key: {"done": True} for key in [str(milk.pk), *pasted]}, by=alice.user)
    alice.post_list("clear/")  # queryset.delete
    bob.sees({str(milk.pk): None, **dict.fromkeys(pasted)}, by=alice.user)


def formset(prefix, initial=0, total=0):
    return {f"{prefix}-INITIAL_FORMS": initial, f"{prefix}-TOTAL_FORMS": total or initial}


def test_admin(todolist, milk, alice, bob):
    key = str(milk.pk)
    inlines = {
        **formset("todos", 1, 2),
        "todos-0-id": milk.pk,
        "todos-0-todolist": todolist.pk,
        "todos-0-text": "Buy milk",
        "todos-0-done": "on",
        "todos-1-todolist": todolist.pk,
        "todos-1-text": "Inline",
    }
    people = [alice.user.pk, bob.user.pk]
    alice.post(f"/admin/todos/todolist/{todolist.pk}/change/", title="Us", people=people, **inlines)
    changes = bob.socket.receive("todolist_updated")["payload"]["changes"]
    new = Todo.objects.get(text="Inline")
    todos = {key: {"done": True, "due": None}, str(new.pk): {"text": "Inline", "done": False}}
    assert changes == {"title": "Us", "todos": todos}

    url = "/admin/todos/todo/"
    alice.post(url, action="reopen", _selected_action=[milk.pk])
    bob.sees({key: {"done": False}}, by=alice.user)
    rows = {**formset("form", 2), "_save": "1"}
    for number, todo in enumerate(Todo.objects.order_by("-pk")):
        rows |= {f"form-{number}-id": todo.pk, f"form-{number}-text": f"No. {number}"}
    alice.post(url, **rows)  # list_editable saves row by row, in one transaction
    bob.sees({key: {"text": "No. 1"}, str(new.pk): {"text": "No. 0"}}, by=alice.user)
    alice.post(f"{url}{milk.pk}/delete/", post="yes")
    bob.sees({key: None}, by=alice.user)
    alice.post(url, action="delete_selected", _selected_action=[new.pk], post="yes")
    bob.sees({str(new.pk): None}, by=alice.user)


def test_shell(todolist, milk, bob):
    key = str(milk.pk)
    milk.done = True
    milk.save()
    bob.sees({key: {"done": True}})
    Todo.objects.filter(done=True).update(text="Updated")
    bob.sees({key: {"text": "Updated"}})
    milk.text = "In bulk"
    Todo.objects.bulk_update([milk], ["text"])
    bob.sees({key: {"text": "In bulk"}})
    Todo.objects.update_or_create(pk=milk.pk, defaults={"text": "Or created"})
    bob.sees({key: {"text": "Or created"}})
    todo, _ = Todo.objects.get_or_create(todolist=todolist, text="Got or created")
    bob.sees({str(todo.pk): {"text": "Got or created", "done": False}})
    with transaction.atomic(), rooms.acting(bob.user):
        Todo.objects.update(done=False)
        Todo.objects.exclude(pk=milk.pk).delete()
    bob.sees({key: {"done": False}, str(todo.pk): None}, by=bob.user)
    with transaction.atomic():
        Todo.objects.update(text="Never")
        transaction.set_rollback(True)


def test_a_todo_moves_to_another_list(milk, bob, realtime_client):
    work = TodoList.objects.create(title="Work")
    work.people.add(bob.user)
    there = Browser(realtime_client, bob.user, work)
    Todo.objects.filter(pk=milk.pk).update(todolist=work)
    bob.sees({str(milk.pk): None})
    there.sees({str(milk.pk): {"text": "Buy milk", "due": "2026-12-01", "done": False}})


def test_the_socket_edits_as_the_pages_do(todolist, milk, alice, bob):
    key = str(milk.pk)
    alice.socket.update(todolist, {"todos": {key: {"text": " Buy bread "}, "+": {"text": "Bake"}}})
    bake = Todo.objects.get(text="Bake")
    todos = {key: {"text": "Buy bread"}, str(bake.pk): {"text": "Bake", "done": False}}
    bob.sees(todos, by=alice.user)
    with pytest.raises(AssertionError, match="cannot be blank"):
        alice.socket.update(todolist, {"todos": {key: {"text": ""}}})


def test_who_may_see_it(todolist, alice, bob):
    assert bob.joined["members"], "who is here"
    alice.post(
        f"/admin/todos/todolist/{todolist.pk}/change/",
        **{"title": "Home", "people": [alice.user.pk], **formset("todos")},
    )
    bob.socket.receive("access_revoked")
    bob.pages.logout()
    assert bob.socket.receive("error")["payload"]["code"] == "TOKEN_EXPIRED"
    assert bob.socket.closed() == 4102
    todolist.delete()
    alice.socket.receive("access_revoked")
