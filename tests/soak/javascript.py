"""Clients that use the JavaScript SDK, all in one process of Node's: see javascript.mjs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.soak.record import FinalState, Json, Notes, Seen, Signal, Stream, Update

_SCRIPT = Path(__file__).with_name("javascript.mjs")
_PATIENCE = 10.0


class JavaScriptClients:
    """The process, and what it says of its clients."""

    def __init__(self, clients: Sequence[Json], users: dict[str, int], notes: Notes) -> None:
        """`clients` have `name`, `url`, `username`, `projectId`, …: see the script."""
        self._clients = {client["name"]: client for client in clients}
        self._users = users
        self._notes = notes
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._streams: dict[str, Stream] = {}
        self._updates: dict[str, Update] = {}
        self._told = asyncio.Event()
        self._states: dict[str, Json] = {}

    async def start(self, log: Path) -> None:
        with log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *("node", str(_SCRIPT)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=2**22,
            )
        self._reading = asyncio.create_task(self._read())
        await self._order({"clients": list(self._clients.values())})

    async def quiet(self) -> None:
        await self._order("quiet")

    async def states(self) -> dict[str, Json]:
        """Return what each client shows now."""
        self._told.clear()
        await self._order("state")
        async with asyncio.timeout(_PATIENCE):
            await self._told.wait()
        return self._states

    async def end(self) -> None:
        """Close all, and note what they leave open."""
        assert self._reading is not None
        await self._order("end")
        async with asyncio.timeout(_PATIENCE):
            await self._reading

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def with_clients(self, states: dict[str, Json]) -> list[tuple[Json, Json]]:
        """Return each state with the options of its client."""
        return [(states[name], client) for name, client in self._clients.items()]

    def final_states(self) -> list[FinalState]:
        return [
            FinalState(name, self._clients[name]["projectId"], state["seq"], state["state"])
            for name, state in self._states.items()
            if state["isJoined"]
        ]

    async def _order(self, order: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._note(json.loads(line))
        for name in self._streams:
            if name not in self._states or not self._states[name]["isJoined"]:
                self._streams[name].is_open = False

    def _note(self, told: Json) -> None:
        match told["kind"]:
            case "token":
                self._notes.secrets.add(told["token"])
            case "told":
                self._told.set()
            case "left":
                self._notes.left_open += [f"promise {name} of Node" for name in told["open"]]
            case "unhandled":
                self._notes.left_open.append(f"unhandled rejection in Node: {told['error']}")
            case kind:
                self._note_client(kind, told["client"], told)

    def _note_client(self, kind: str, name: str, told: Json) -> None:
        project_id: int = self._clients[name]["projectId"]
        user_id = self._users[self._clients[name]["username"]]
        match kind:
            case "snapshot":
                self._begin(name, told["seq"])
            case "seen":
                seen = Seen(told["seq"], told["type"], told["payload"], told["at"])
                self._stream(name).seen.append(seen)
            case "ended" if name in self._streams:
                self._streams.pop(name).is_open = False
            case "signal":
                signal = Signal(
                    name, user_id, project_id, told["mark"], told["sent_at"], told["at"]
                )
                self._notes.signals.append(signal)
            case "made":
                update = Update(name, project_id, told["mark"], attempts=2)
                self._updates[told["mark"]] = update
                self._notes.updates.append(update)
            case "settled":
                update = self._updates[told["mark"]]
                update.seq = told.get("seq")
                # The others say that the client gave up, not what the server did.
                has_given_up = told["outcome"] in ("CLOSED", "LEFT", "ACCESS_REVOKED")
                update.outcome = "unknown" if has_given_up else told["outcome"]
            case "state":
                self._states[name] = told

    def _stream(self, name: str) -> Stream:
        return self._streams.get(name) or self._begin(name, None)

    def _begin(self, name: str, start: int | None) -> Stream:
        if before := self._streams.get(name):
            before.is_open = False
        client = self._clients[name]
        stream = Stream(name, self._users[client["username"]], client["projectId"], start)
        self._streams[name] = stream
        self._notes.streams.append(stream)
        return stream
