"""What a person types stays theirs: the caret, the selection, undo, and every word of it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Dialog, Locator, expect

from tests.browser.conftest import Visit
from tests.harness.browser import Person
from tests.harness.process import ROOT
from tests.harness.proxy import Proxy
from tests.harness.stack import Stack

PHOTOGRAPH = ROOT / "projects/demo/rocket-launch.jpg"
SENTENCE = "One fox sees two dogs and three cats"


async def select(control: Locator, words: str) -> None:
    await control.focus()
    await control.evaluate(
        """(element, words) => {
            const start = element.value.indexOf(words);
            element.setSelectionRange(start, start + words.length);
        }""",
        words,
    )


async def selected(control: Locator) -> str:
    script = "(e) => e.value.slice(e.selectionStart, e.selectionEnd)"
    words: str = await control.evaluate(script)
    return words


async def before_caret(control: Locator) -> str:
    words: str = await control.evaluate("(e) => e.value.slice(0, e.selectionEnd)")
    return words


async def is_saved(person: Person, name: str) -> None:
    """Return once nothing of a field waits for the server."""
    await expect(person.field(name).locator(".field-note")).to_have_attribute("data-kind", "saved")


def dismiss_nothing(person: Person) -> list[str]:
    """Accept what the browser asks who leaves the page; return what it asked."""
    asked: list[str] = []

    async def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.accept()

    person.page.remove_listener("dialog", person.complain_of_dialog)
    person.page.on("dialog", accept)
    return asked


@pytest.mark.parametrize(
    ("name", "text"), [("title", "Two words"), ("description", "Two words\nand a line")]
)
async def test_saving_leaves_the_caret_and_undo_alone(
    visit: Visit, project_id: int, name: str, text: str
) -> None:
    alice = await visit("alice", project_id)
    control, keyboard = alice.control(name), alice.page.keyboard
    save = "Enter" if name == "title" else "Control+Enter"
    before = await control.input_value()
    await control.fill(text)
    await select(control, " words")
    await keyboard.press("ArrowLeft")
    await keyboard.press(save)
    await is_saved(alice, name)
    assert await before_caret(control) == "Two"
    await keyboard.type("fold")
    await expect(control).to_have_value(text.replace("Two", "Twofold"))
    await keyboard.press("Control+z")
    await expect(control).to_have_value(text)
    await keyboard.press("Control+z")
    await expect(control).to_have_value(before)
    await keyboard.press("Control+Shift+z")
    await keyboard.press("Control+y")
    await expect(control).to_have_value(text.replace("Two", "Twofold"))
    await keyboard.press(save)
    await is_saved(alice, name)


async def test_another_edit_leaves_the_selection_on_its_words(
    visit: Visit, project_id: int
) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await bob.edit("description", SENTENCE)
    mine = alice.control("description")
    await alice.sees("description", SENTENCE)
    await select(mine, "three")
    for written in (
        SENTENCE.replace("One", "Somebody knows that one"),
        SENTENCE.replace("One fox", "It").replace("two", "many"),
        SENTENCE.replace("cats", "cats, and a bird"),
    ):
        await bob.edit("description", written)
        await expect(mine).to_have_value(written)
        assert await selected(mine) == "three"
    await alice.page.keyboard.type("four")
    await expect(mine).to_have_value("One fox sees two dogs and four cats, and a bird")


async def test_undo_takes_back_ones_own_typing_only(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await bob.edit("description", SENTENCE)
    mine = alice.control("description")
    await alice.sees("description", SENTENCE)
    await select(mine, "three")
    await alice.page.keyboard.type("four")
    await alice.page.keyboard.press("Control+Enter")
    await is_saved(alice, "description")
    written = "A red fox sees two dogs and four cats"
    await bob.edit("description", written)
    await expect(mine).to_have_value(written)
    await alice.page.keyboard.press("Control+z")
    await expect(mine).to_have_value(written.replace("four", "three"))
    await alice.page.keyboard.press("Control+Shift+z")
    await expect(mine).to_have_value(written)


async def test_what_one_has_saved_and_not_left_hides_nothing_from_others(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    """A draft shows to others in place of what is saved, so it must end as it is saved."""
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.control("description").press_sequentially("Written by alice")
    await alice.page.keyboard.press("Control+Enter")
    await bob.sees("description", "Written by alice")
    stack.api("PATCH", f"projects/{project_id}/", {"description": "By the API"}, user="alice")
    for person in (alice, bob):
        await person.sees("description", "By the API")


async def test_a_conflict_loses_neither_version(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    asked = dismiss_nothing(alice)
    versions = alice.page.get_by_role("group", name="Two versions of Description")
    mine = alice.control("description")
    await mine.fill("Written by alice")
    await bob.edit("description", "Written by bob")
    await mine.blur()
    await expect(versions.locator("del")).to_have_text(["bob", "theirs alone"])
    await expect(versions.locator("ins")).to_have_text(["alice", "yours alone"])

    # One goes on writing, and so does the other: neither is lost.
    await mine.press_sequentially("!")
    await bob.edit("description", "Rewritten by bob")
    await expect(versions.locator("del").first).to_have_text("Rewritten")
    await expect(mine).to_have_value("Written by alice!")
    await mine.blur()
    assert stack.api("GET", f"projects/{project_id}/")["description"] == "Rewritten by bob"

    await alice.page.reload()
    await alice.is_live()
    assert asked == ["beforeunload"]
    await expect(mine).to_have_value("Written by alice!")
    await expect(versions.locator("del").first).to_have_text("Rewritten")
    await versions.get_by_role("button", name="Keep mine").click()
    await expect(versions).to_have_count(0)
    await expect(bob.control("description")).to_have_value("Written by alice!")
    await is_saved(alice, "description")
    await alice.page.reload()
    await alice.is_live()
    await expect(mine).to_have_value("Written by alice!")
    await expect(versions).to_have_count(0)


async def test_a_canvas_title_has_conflicts_too(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    await alice.page.get_by_label("Upload pictures").set_input_files(PHOTOGRAPH)
    await alice.page.locator(".canvas").wait_for()
    bob = await visit("bob", project_id)
    name = f"canvas.{await alice.page.locator('.canvas').get_attribute('data-canvas')}"
    await alice.control(name).fill("A rocket of alice's")
    await bob.edit(name, "A rocket of bob's")
    await expect(alice.field(name)).to_contain_text("bob has changed this")
    await alice.control(name).blur()
    versions = alice.page.get_by_role("group", name="Two versions of Canvas title")
    await versions.get_by_role("button", name="Keep mine").click()
    await expect(bob.control(name)).to_have_value("A rocket of alice's")
    [refusal] = alice.complaints  # a page cannot keep Chromium quiet about it
    assert "409 (Conflict)" in refusal
    alice.complaints.clear()


@pytest.mark.parametrize("way", ["Back", "logo"])
async def test_leaving_the_project_saves_what_is_written(
    visit: Visit, project_id: int, way: str
) -> None:
    alice = await visit("alice")
    await alice.page.goto(f"{alice.origin}/#/projects/{project_id}")
    await alice.is_live()
    await alice.control("description").press_sequentially("Not left yet")
    if way == "Back":
        await alice.page.go_back()
    else:
        await alice.page.locator(".brand").click()
    await alice.page.get_by_role("heading", name="Projects").wait_for()
    await alice.open_project(project_id)
    await expect(alice.control("description")).to_have_value("Not left yet")


async def test_what_is_not_saved_is_here_again_after_a_reload(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    async with Proxy(stack.web.port) as proxy:
        alice = await visit("alice", project_id, origin=f"http://127.0.0.1:{proxy.port}")
        asked = dismiss_nothing(alice)
        await alice.control("title").press_sequentially(", half typed")
        await alice.edit("description", "Written without a connection")
        await is_saved(alice, "description")
        await alice.control("title").press_sequentially(" and more")
        await alice.page.reload()
        await alice.is_live()
        assert asked == ["beforeunload"]
        title = stack.api("GET", f"projects/{project_id}/")["title"]
        await expect(alice.control("title")).to_have_value(f"{title} and more")
        await expect(alice.field("title")).to_contain_text("not saved is here again")
        await alice.control("title").focus()
        await alice.page.keyboard.press("Escape")
        await expect(alice.control("title")).to_have_value(title)
        await alice.page.reload()
        await alice.is_live()
        await expect(alice.control("title")).to_have_value(title)

        await proxy.shut()
        connection = alice.page.get_by_role("group", name="Connection")
        await expect(connection).to_contain_text("Reconnecting…")
        await alice.edit("title", "Offline")
        await expect(connection).to_contain_text("1 change waits")
        await alice.page.get_by_role("button", name="Sign out").click()
        dialog = alice.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("not saved yet")
        await dialog.get_by_role("button", name="Cancel").click()
        await proxy.open()
        await alice.is_live()
        await is_saved(alice, "title")
    assert stack.api("GET", f"projects/{project_id}/")["title"] == "Offline"


async def test_text_is_never_clipped(visit: Visit, project_id: int, stack: Stack) -> None:
    alice = await visit("alice", project_id)
    await alice.control("title").fill("")
    await paste(alice.control("title"), "Two\nlines \r\n and a third")
    await expect(alice.control("title")).to_have_value("Two lines and a third")
    await alice.control("title").blur()
    await is_saved(alice, "title")

    asked = dismiss_nothing(alice)
    long = "a long story " * 1_400
    await alice.control("description").focus()
    await paste(alice.control("description"), long)
    await alice.control("description").blur()
    await expect(alice.field("description")).to_contain_text("has 18,200")
    await expect(alice.control("description")).to_have_value(long)
    await alice.page.reload()
    await alice.is_live()
    await expect(alice.control("description")).to_have_value(long)
    assert asked == ["beforeunload"]
    await alice.edit("description", long[:9_000])
    await is_saved(alice, "description")


async def paste(control: Locator, text: str) -> None:
    await control.focus()
    await control.page.evaluate("(text) => document.execCommand('insertText', false, text)", text)


async def test_a_file_beside_the_gallery_leaves_the_page_alone(
    visit: Visit, project_id: int
) -> None:
    alice = await visit("alice", project_id)
    allowed: dict[str, Any] = await alice.page.evaluate(
        """() => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(["x"], "x.txt"));
            const options = { dataTransfer, bubbles: true, cancelable: true };
            return Object.fromEntries(["dragover", "drop"].map((type) =>
                [type, document.body.dispatchEvent(new DragEvent(type, options))]));
        }"""
    )
    assert allowed == {"dragover": False, "drop": False}
