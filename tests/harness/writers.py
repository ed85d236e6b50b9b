"""People who write into the text of one plan, as a client does that knows only the protocol."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from realtime.text_operations import Operation, apply, transform
from tests.harness.sockets import Message, Socket


class Sent(NamedTuple):
    """An operation that the server has answered, and whose event has not come yet."""

    operation: Operation
    seq: int


class Writer:
    """Shows what it types at once, and brings what others did in the meantime beneath it."""

    def __init__(self, socket: Socket, user_id: int, plan_id: str) -> None:
        self.socket = socket
        self.author = str(user_id)
        self.plan_id = plan_id
        self.seq = 0
        self.text = ""
        """As the room has it at `seq`."""
        self.sent: Sent | None = None
        self.typed: list[Operation] = []
        """Operations that are not sent, each on the text that those before it made."""
        self._keys = 0

    @property
    def shown(self) -> str:
        text = self.text if self.sent is None else apply(self.text, self.sent.operation)
        for operation in self.typed:
            text = apply(text, operation)
        return text

    async def join(self, *, anew: bool = False) -> None:
        if anew:
            await self.send_all()
        self.digest()
        since = None if anew else self.seq
        ack = await self.socket.join(self.plan_id, "plan", operations=True, since=since)
        self.socket.messages.clear()
        if not ack["recovered"]:
            self.seq, self.text = ack["seq"], ack["plan"]["text"]

    def type(self, word: str) -> None:
        """Insert a word between two others."""
        places = [0, *(at + 1 for at, each in enumerate(self.shown) if each == " ")]
        self.typed.append([(random.choice(places), 0, f"{word} ")])

    def delete(self, word: str) -> bool:
        at = f" {self.shown}".find(f" {word} ")
        if at >= 0:
            self.typed.append([(at, len(word) + 1, "")])
        return at >= 0

    async def send(self) -> None:
        """Send the first operation, and again if the server cannot merge it any more."""
        while self.typed and self.sent is None:
            operation, base_seq = self.typed[0], self.seq
            self._keys += 1
            key = f"{self.author}-{self._keys}"
            for _ in range(random.choice([1, 1, 2])):  # the first answer may be lost
                reply = await self.socket.call(
                    "update_plan",
                    {
                        "plan_id": self.plan_id,
                        "data": {},
                        "base_seq": base_seq,
                        "operations": {"text": operation},
                    },
                    idempotency_key=key,
                )
            if reply["type"] == "ack":
                self.sent = Sent(self.typed.pop(0), reply["payload"]["seq"])
            else:
                assert reply["payload"]["code"] == "CONFLICT", reply
                await self.catch_up(reply["payload"]["details"]["seq"])

    async def send_all(self) -> None:
        while self.typed or self.sent is not None:
            await self.send()
            if self.sent is not None:
                await self.catch_up(self.sent.seq)

    def digest(self) -> None:
        messages, self.socket.messages = self.socket.messages, []
        for message in messages:
            if message["type"] == "plan_updated":
                assert message["seq"] == self.seq + 1, "each once, in order, without a gap"
                self._take(message)
            self._forget_without_event()

    def _forget_without_event(self) -> None:
        """Take what had nothing to change any more from what was sent."""
        if self.sent is not None and self.sent.seq <= self.seq:
            assert apply(self.text, self.sent.operation) == self.text
            self.sent = None

    def _take(self, message: Message) -> None:
        self.seq = message["seq"]
        changes, by = message["payload"]["changes"], message["payload"]["updated_by"]
        operation: Any = message.get("operations", {}).get("text")
        assert "text" not in changes
        if operation is None:
            return
        if self.sent is not None and self.sent.seq == self.seq:
            mine, self.sent = self.sent.operation, None
            expected = apply(self.text, mine)
            self.text = apply(self.text, operation)
            assert self.text == expected, "the server and the client transform alike"
        else:
            self._rebase(operation, first=self.author < by)

    def _rebase(self, theirs: Operation, *, first: bool) -> None:
        self.text = apply(self.text, theirs)
        if self.sent is not None:
            mine = self.sent.operation
            self.sent = Sent(transform(mine, theirs, first=first), self.sent.seq)
            theirs = transform(theirs, mine, first=not first)
        for index, mine in enumerate(self.typed):
            self.typed[index] = transform(mine, theirs, first=first)
            theirs = transform(theirs, mine, first=not first)

    async def catch_up(self, seq: int) -> None:
        def is_there() -> bool:
            self.digest()
            return self.seq >= seq

        await self.socket.collect(is_there)
