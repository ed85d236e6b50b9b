"""Two browsers edit the one model of a new site, in a bare environment, after a few lines."""

from __future__ import annotations

import socket
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.harness.browser import Person
from tests.harness.ports import free_port
from tests.harness.process import ServerProcess
from tests.harness.wheel import Site, install, requirements

SITE = {
    "notes/__init__.py": "",
    "notes/models.py": """
from django.conf import settings
from django.db import models


class Note(models.Model):
    text = models.TextField(blank=True)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL)
""",
    "notes/views.py": """
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, render

from notes.models import Note


@login_required
def note(request, pk):
    return render(request, "note.html", {"note": get_object_or_404(Note, pk=pk)})
""",
    "notes/templates/note.html": """<!doctype html>
<title>A note</title>
<link rel="icon" href="data:,">
<textarea>{{ note.text }}</textarea>
""",
    "mysite/urls.py": """
from django.contrib import admin
from django.urls import path

from notes import views

urlpatterns = [path("admin/", admin.site.urls), path("notes/<int:pk>/", views.note)]
""",
    "mysite/settings.py": """…
INSTALLED_APPS += ["notes"]
LOGIN_URL = "/admin/login/"
""",
}
"""The site as it is before."""

LIVE = {
    "mysite/settings.py": """…
import realtime.settings
realtime.settings.install(globals())
""",
    "mysite/asgi.py": """
from realtime.asgi import get_asgi_application
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_asgi_application()
""",
    "notes/rooms.py": """
from notes.models import Note
from realtime import rooms


@rooms.register
class NoteRoom(rooms.ModelRoom):
    model = Note
    fields = ["text"]
    members = "people"
""",
    "notes/templates/note.html": """…
{% load realtime %}{% realtime_script %}
<script type="module" {% live_room note %}>
  import { Realtime } from "realtime";
  const { url, kind, key } = JSON.parse(document.querySelector("[data-room]").dataset.room);
  const room = new Realtime(url).join(kind, key);
  const field = document.querySelector("textarea");
  field.addEventListener("input", () => room.update({ text: field.value }));
  room.on("change", () => field === document.activeElement || (field.value = room.state.text));
</script>
""",
}
"""All that makes it live."""

PEOPLE = """
from django.contrib.auth.models import User
from notes.models import Note
note = Note.objects.create(text="One")
for name in ("alice", "bob"):
    note.people.add(User.objects.create_superuser(name, password="realtime"))
"""
RENAME = "from notes.models import Note; Note.objects.all().update(text='Three')"


class Runserver(ServerProcess):
    def __init__(self, site: Site) -> None:
        self.port = free_port()
        super().__init__(
            *("manage.py", "runserver", "--noreload", str(self.port)),
            environment=site.environment,
            log_path=site.directory / "runserver.log",
            cwd=site.directory,
        )
        self.python = str(site.python)

    def is_ready(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


async def test_two_browsers_edit_one_note(browser: Browser, tmp_path: Path) -> None:
    lines = [line for text in LIVE.values() for line in text.splitlines() if line.strip(" …")]
    assert len(lines) <= 25
    site = Site(tmp_path, install(tmp_path), requirements("dev"))
    site.write(SITE)
    site.write(LIVE)
    site.run("manage.py", "makemigrations", "notes")
    site.run("manage.py", "migrate", "--verbosity=0")
    site.run("manage.py", "shell", "-c", PEOPLE)
    server = Runserver(site)
    server.start()
    try:
        people = []
        for name in ("alice", "bob"):
            person = await Person.create(browser, f"http://127.0.0.1:{server.port}")
            people.append(person)
            await person.page.goto(f"{person.origin}/notes/1/")
            await person.page.fill("#id_username", name)
            await person.page.fill("#id_password", "realtime")
            await person.page.click("[type=submit]")
            await expect(person.page.locator("textarea")).to_have_value("One")
        alice, bob = (person.page.locator("textarea") for person in people)
        await alice.fill("Two")
        await expect(bob).to_have_value("Two")
        await bob.fill("Two, and more")
        await people[0].page.evaluate("document.activeElement.blur()")
        await expect(alice).to_have_value("Two, and more")
        # An edit made anywhere: here, in a shell.
        await people[1].page.evaluate("document.activeElement.blur()")
        site.run("manage.py", "shell", "-c", RENAME)
        for field in (alice, bob):
            await expect(field).to_have_value("Three")
        complaints = [text for person in people for text in person.complaints]
        # The admin's page to sign in has no icon.
        assert [text for text in complaints if "/favicon.ico" not in text] == []
        for person in people:
            await person.context.close()
    finally:
        server.stop()
    assert "Traceback" not in server.log
