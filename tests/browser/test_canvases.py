"""Pictures, and what the tasks make of them."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.conftest import Visit

PHOTOGRAPH = Path(__file__).parents[2] / "projects/demo/cup-of-coffee.jpg"


async def test_a_picture_is_uploaded_analysed_and_heard(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.page.get_by_label("Upload pictures").set_input_files(PHOTOGRAPH)
    for person in (alice, bob):
        await expect(person.page.get_by_role("img", name="cup-of-coffee")).to_be_visible()
        await expect(person.page.locator(".timeline li").first).to_contain_text("added the canvas")

    await record_progress(alice.page)
    await alice.page.get_by_role("button", name="Analyze cup-of-coffee").click()
    for person in (alice, bob):
        await expect(person.page.get_by_role("img", name="Pleasure")).to_be_visible()
        await expect(person.page.get_by_role("img", name="Palette")).to_be_visible()
        await expect(person.page.locator(".timeline li").first).to_contain_text("analysis")
    shown = await alice.page.evaluate("window.shown")
    assert shown
    assert shown == sorted(shown)

    await alice.page.get_by_role("button", name="Compose a soundscape").click()
    for person in (alice, bob):
        audio = person.page.locator("audio")
        await audio.wait_for(state="attached")
        duration = await audio.evaluate(
            "audio => audio.play().then(() => { audio.pause(); return audio.duration; })"
        )
        assert duration > 5


async def test_a_picture_is_renamed_and_deleted(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    carol = await visit("carol", project_id)
    await alice.page.get_by_label("Upload pictures").set_input_files(PHOTOGRAPH)
    title = alice.page.get_by_label("Canvas title")
    await title.fill("Espresso")
    await title.press("Enter")
    await expect(bob.page.locator(".canvas .tag-flash")).to_have_text("alice changed this")
    for person in (bob, carol):
        await expect(person.page.get_by_label("Canvas title")).to_have_value("Espresso")
        await expect(person.page.get_by_role("img", name="Espresso")).to_be_visible()
        await expect(person.page.locator(".timeline li").first).to_contain_text(
            "alice renamed a canvas to Espresso"
        )
    await expect(carol.page.get_by_label("Canvas title")).not_to_be_editable()
    await expect(carol.page.get_by_role("button", name="Delete Espresso")).to_have_count(0)

    # The server has no such title, and the person keeps what they wrote.
    await title.fill("")
    await title.press("Enter")
    await expect(alice.page.locator(".canvas .field-note")).to_have_text(
        "This field may not be blank."
    )
    alice.complaints.clear()  # the 400 itself
    await title.press("Escape")
    await expect(title).to_have_value("Espresso")

    await bob.page.get_by_role("button", name="Delete Espresso").press("Enter")
    await expect(bob.page.get_by_role("heading", name="Canvases")).to_be_focused()
    await bob.page.get_by_role("button", name="Dismiss").press("Enter")
    for person in (alice, bob, carol):
        await expect(person.page.locator(".canvas")).to_have_count(0)
        await expect(person.page.locator(".timeline li").first).to_contain_text(
            "deleted the canvas Espresso"
        )


async def record_progress(page: Page) -> None:
    """Note each value that a progress bar shows, in `window.shown`."""
    await page.evaluate(
        """() => {
          window.shown = [];
          const look = () => {
            for (const bar of document.querySelectorAll("progress")) window.shown.push(bar.value);
          };
          const options = { subtree: true, childList: true, attributes: true };
          new MutationObserver(look).observe(document.querySelector(".gallery"), options);
        }"""
    )


async def test_pictures_can_be_dropped_and_others_are_refused(
    visit: Visit, project_id: int
) -> None:
    alice = await visit("alice", project_id)
    data = base64.b64encode(PHOTOGRAPH.read_bytes()).decode()
    files = await alice.page.evaluate_handle(
        """data => {
          const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt());
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
          transfer.items.add(new File(["text"], "notes.txt", { type: "text/plain" }));
          return transfer;
        }""",
        data,
    )
    await alice.page.locator(".canvases").dispatch_event("drop", {"dataTransfer": files})
    await expect(alice.page.get_by_role("img", name="dropped")).to_be_visible()
    await expect(alice.page.get_by_role("alert").filter(has_text="notes.txt")).to_be_visible()
