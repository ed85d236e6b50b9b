"""docs/integrate.md, followed to the letter in a bare environment: two browsers edit one model."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.harness import guide
from tests.harness.browser import Person
from tests.harness.ports import free_port
from tests.harness.process import ServerProcess
from tests.harness.wheel import Site, install, requirements

SITE, LIVE, _ = re.split(r"^## (?=[23]\.)", guide.page("docs/integrate.md"), flags=re.MULTILINE)
"""The page's site as it is before, and all that makes it live."""
PEOPLE = """
from django.contrib.auth.models import User
from notes.models import Note
note = Note.objects.create(text="One")
for name in ("alice", "bob"):
    note.people.add(User.objects.create_superuser(name, password="realtime"))
"""
COMMAND = """…
    @rooms.command
    def add(self, note, user_id, payload: "Add"):
        note.text += payload.text
        note.save()


import msgspec


class Add(msgspec.Struct):
    text: str
"""
"""What a host adds to the page's `rooms.py`."""
SEND = """async (text) => {
    const { Realtime } = await import("realtime");
    const { changes } = await new Realtime("/ws/").join("note", 1).command("add", { text });
    return changes;
}"""
RENAME = 'from notes.models import Note; Note.objects.update(text="By the shell")'


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
    added = guide.files(LIVE)
    lines = [line for text in added.values() for line in text.splitlines() if line.strip(" …")]
    assert len(lines) <= 25
    assert 'pip install "django-realtime-rooms[dev]"' in SITE
    site = Site(tmp_path, install(tmp_path), requirements("dev"))
    site.run("manage.py", "startapp", "notes")
    site.write(guide.files(SITE))
    site.write(added)
    site.write({"notes/rooms.py": COMMAND})
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
            await expect(field).to_have_value("By the shell")
        changes = await people[0].page.evaluate(SEND, ", and a command")
        assert changes == {"text": "By the shell, and a command"}
        for field in (alice, bob):
            await expect(field).to_have_value("By the shell, and a command")
        complaints = [text for person in people for text in person.complaints]
        # The admin's page to sign in has no icon.
        assert [text for text in complaints if "/favicon.ico" not in text] == []
        for person in people:
            await person.context.close()
    finally:
        server.stop()
    assert "Traceback" not in server.log
