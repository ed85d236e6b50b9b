"""The outbox: order, a bound on what waits, and no task while the server keeps up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

import pytest

from realtime.protocol.errors import CloseCode
from realtime.transport.outbox import Outbox
from realtime.transport.server import Send


class Server:
    """A server's `send`, which can be made to wait for its client."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.writable = asyncio.Event()
        self.writable.set()

    async def send(self, message: dict[str, Any]) -> None:
        await self.writable.wait()
        self.sent.append(message.get("text", message.get("code")))


def outbox_of(send: Send, *, limit: int = 100) -> Outbox:
    return Outbox(send, limit=limit, timeout=60, abort=pytest.fail)


async def until_idle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_frame_is_sent_at_once_while_the_server_takes_it() -> None:
    server = Server()
    outbox = outbox_of(server.send, limit=100)
    outbox.push("a")
    outbox.push("b")
    assert server.sent == ["a", "b"]  # without an await: neither task nor queue


async def test_order_is_kept_across_a_wait() -> None:
    server = Server()
    outbox = outbox_of(server.send, limit=100)
    outbox.push("a")
    server.writable.clear()
    outbox.push("b")
    outbox.push("c")
    assert server.sent == ["a"]
    server.writable.set()
    await until_idle()
    outbox.push("d")
    assert server.sent == ["a", "b", "c", "d"]


async def test_a_client_that_lags_beyond_the_limit_is_closed() -> None:
    server = Server()
    outbox = outbox_of(server.send, limit=10)
    server.writable.clear()
    for _ in range(5):
        outbox.push("xxxx")
    assert outbox.closed
    assert outbox.close_reason == "4202"
    server.writable.set()
    await until_idle()
    assert server.sent == ["xxxx", CloseCode.TOO_SLOW]


async def test_ephemeral_frames_replace_each_other_only_where_the_client_lags() -> None:
    server = Server()
    outbox = outbox_of(server.send, limit=100)
    outbox.push("cursor 1", key="cursor")
    outbox.push("cursor 2", key="cursor")
    server.writable.clear()
    outbox.push("wait")
    for position in range(3, 50):
        outbox.push(f"cursor {position}", key="cursor")
    outbox.push("last")
    server.writable.set()
    await until_idle()
    assert server.sent == ["cursor 1", "cursor 2", "wait", "cursor 49", "last"]
    assert not outbox.closed


async def test_close_comes_after_what_was_pushed_and_ends_it() -> None:
    server = Server()
    outbox = outbox_of(server.send, limit=100)
    server.writable.clear()
    outbox.push("a")
    outbox.close(4101)
    outbox.push("b")
    server.writable.set()
    await until_idle()
    assert server.sent == ["a", 4101]


@pytest.mark.parametrize("ready", [True, False])
async def test_a_client_that_is_gone_is_no_error(ready: bool) -> None:
    writable = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if not ready:
            await writable.wait()
        raise ConnectionResetError

    outbox = outbox_of(send)
    outbox.push("a")
    writable.set()
    await until_idle()
    assert outbox.closed
    outbox.push("b")


async def test_discard_stops_a_send_under_way() -> None:
    server = Server()
    outbox = outbox_of(server.send, limit=100)
    server.writable.clear()
    outbox.push("a")
    outbox.discard()
    assert outbox.close_reason == "client"
    await until_idle()
    server.writable.set()
    await until_idle()
    assert server.sent == []


async def test_a_client_that_takes_nothing_is_cut_off() -> None:
    server = Server()
    server.writable.clear()
    cut_off = asyncio.Event()
    outbox = Outbox(server.send, limit=100, timeout=0.05, abort=cut_off.set)
    outbox.push("a")
    outbox.push("b")
    await asyncio.wait_for(cut_off.wait(), 5)
    assert outbox.closed
    assert outbox.close_reason == "send_timeout"
    server.writable.set()
    await until_idle()
    assert server.sent == []


async def test_a_client_that_takes_a_little_is_waited_for() -> None:
    """The time counts anew with every frame that is taken."""
    frames: asyncio.Queue[str] = asyncio.Queue()
    taken = []

    async def send(message: dict[str, Any]) -> None:
        taken.append(await frames.get())

    outbox = Outbox(send, limit=100, timeout=0.3, abort=pytest.fail)
    for _ in range(5):
        outbox.push("x")
    for number in range(5):
        await asyncio.sleep(0.1)
        frames.put_nowait(str(number))
    await until_idle()
    assert taken == list("01234")
    assert not outbox.closed


async def test_the_bound_is_in_bytes() -> None:
    server = Server()
    server.writable.clear()
    outbox = outbox_of(server.send, limit=10)
    outbox.push("x")
    outbox.push("€€€")
    assert not outbox.closed
    assert outbox.unsent == 9  # the first is the server's already
    outbox.push("€")
    assert outbox.closed


# --- a server that is not known, or is hidden by a wrapper


class Awaited:
    """An awaitable that is no coroutine, as a server in another language returns."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, Any, None]:
        return self._future.__await__()


@pytest.mark.parametrize("kind", [lambda future: future, Awaited, asyncio.ensure_future])
async def test_any_awaitable_is_awaited(kind: Callable[[asyncio.Future[None]], Any]) -> None:
    sent: list[Any] = []

    def send(message: dict[str, Any]) -> Any:
        sent.append(message.get("text", message.get("code")))
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        return kind(future)

    outbox = Outbox(send, is_direct=False, limit=100, timeout=60, abort=pytest.fail)
    outbox.push("a")
    outbox.push_all(("b", "c"))
    outbox.close(4203)
    outbox.push("d")
    await until_idle()
    assert sent == ["a", "b", "c", 4203]


async def test_a_wrapper_stays_in_one_context_from_end_to_end() -> None:
    span: ContextVar[str] = ContextVar("span")
    server = Server()

    async def send(message: dict[str, Any]) -> None:
        token = span.set("send")
        await server.send(message)
        span.reset(token)  # raises in another context than that of `set`

    outbox = Outbox(send, is_direct=False, limit=100, timeout=60, abort=pytest.fail)
    server.writable.clear()
    outbox.push("a")
    outbox.push("b")
    await until_idle()
    server.writable.set()
    await until_idle()
    assert server.sent == ["a", "b"]
    assert not outbox.closed


async def test_the_limits_hold_without_any_help_of_the_server() -> None:
    server = Server()
    server.writable.clear()
    cut_off = asyncio.Event()
    outbox = Outbox(server.send, is_direct=False, limit=10, timeout=0.05, abort=cut_off.set)
    for _ in range(4):
        outbox.push("xxxx")
    assert outbox.closed
    assert outbox.close_reason == "4202"
    await asyncio.wait_for(cut_off.wait(), 5)
    assert outbox.unsent == 0
