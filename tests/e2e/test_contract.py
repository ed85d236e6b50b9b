"""The running server against the original API page, message by message.

Each message that the page shows is produced for real and compared with its example: the same
keys, the same JSON types, nothing more in a payload. What the protocol adds stands beside it.
"""

from __future__ import annotations

import json

from tests.e2e.conftest import Connect
from tests.harness.client import Client, Message
from tests.harness.shape import EXAMPLES, assert_like_example, example
from tests.harness.stack import Stack


async def send_example(client: Client, message_type: str, project_id: int) -> None:
    """Send a client's example as the page shows it, for another project."""
    text = (EXAMPLES / f"{message_type}.json").read_text()
    await client.send_raw(text.replace("123", str(project_id)))


async def test_join_project_gives_user_joined(connect: Connect, project_id: int) -> None:
    alice, bob = await connect("alice"), await connect("bob")
    await send_example(alice, "join_project", project_id)
    assert_like_example(await alice.expect("user_joined"))

    await send_example(bob, "join_project", project_id)
    to_alice, to_bob = await alice.expect("user_joined"), await bob.expect("user_joined")
    assert_like_example(to_alice)
    assert to_alice == to_bob
    assert to_alice["payload"]["project_id"] == project_id
    assert to_alice["payload"]["username"] == "bob"


async def test_leave_project_gives_user_left(connect: Connect, project_id: int) -> None:
    alice, bob = await connect("alice"), await connect("bob")
    await alice.join(project_id)
    joined = await bob.join(project_id)
    await alice.expect("user_joined")

    await send_example(bob, "leave_project", project_id)
    left = await alice.expect("user_left")
    assert_like_example(left)
    assert left["payload"]["user_id"] == joined["payload"]["user_id"]
    assert await bob.drain() == []


async def test_update_project_gives_project_updated(connect: Connect, project_id: int) -> None:
    alice, bob = await connect("alice"), await connect("bob")
    await alice.join(project_id)
    await bob.join(project_id)
    joined = await alice.expect("user_joined")

    await send_example(bob, "update_project", project_id)
    to_alice, to_bob = await alice.expect("project_updated"), await bob.expect("project_updated")
    assert_like_example(to_alice, added=["seq"])
    assert to_alice == to_bob
    assert to_alice["payload"] == {
        "project_id": project_id,
        "changes": example("update_project")["payload"]["data"],
        "updated_by": str(joined["payload"]["user_id"]),
    }


async def test_a_task_gives_task_progress_and_task_completed(
    connect: Connect, stack: Stack
) -> None:
    alice = await connect("alice")
    await alice.join(1)
    canvas_id = stack.demo_canvas()
    task_id = stack.api("POST", f"canvases/{canvas_id}/analyze/")["task_id"]

    progress: list[Message] = []
    while (message := await alice.receive())["type"] != "task_completed":
        progress.append(message)
    for one in progress:
        assert_like_example(one, added=["project_id"])
        assert one["payload"]["task_id"] == task_id
    assert progress
    assert_like_example(message, added=["project_id", "seq"], more_in=["result"])
    assert message["payload"]["task_id"] == task_id
    assert message["payload"]["task_type"] == "analyze_image_emotion"
    assert message["payload"]["result"]["canvas_id"] == canvas_id
    assert message["payload"]["result"]["status"] == "completed"


async def test_an_error_is_sent_as_the_page_says(connect: Connect) -> None:
    alice = await connect("alice")
    await alice.send("no_such_type")
    assert_like_example(await alice.expect("error"))


async def test_every_example_is_strict_json() -> None:
    for path in EXAMPLES.glob("*.json"):
        message = json.loads(path.read_text())
        assert message["type"] == path.stem
