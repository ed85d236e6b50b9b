"""Share what a server process has for HTTP between its clients, by their addresses.

One client has three quarters of anything at most, and where clients wait, each has its turn: so a
stranger who asks for all there is leaves the others theirs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings


def client_of(scope: Any) -> str:
    """Return whose share a request takes: an IPv4 address, or a network of IPv6.

    Behind proxies it is what REST framework's `NUM_PROXIES` says; text where there is no address.
    """
    text = (scope.get("client") or [""])[0] or ""
    # Read past REST framework, which a site may not have.
    if proxies := getattr(settings, "REST_FRAMEWORK", {}).get("NUM_PROXIES"):
        forwarded = dict(scope["headers"]).get(b"x-forwarded-for", b"").decode("latin-1")
        if forwarded:
            text = forwarded.split(",")[-proxies:][0].strip()
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        # Who has one address of IPv6 has all 2**64 of its network.
        return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))
    return str(address)


class Shares:
    """Count what is taken of a bounded thing, in all and by each client."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._most = limit - limit // 4
        self._total = 0
        self._taken: Counter[str] = Counter()

    def may_take(self, client: str, amount: int = 1) -> bool:
        return self._total + amount <= self._limit and self._taken[client] + amount <= self._most

    def take(self, client: str, amount: int = 1) -> bool:
        """Take so much, or return False where there is not enough for this client."""
        if not self.may_take(client, amount):
            return False
        self._total += amount
        self._taken[client] += amount
        return True

    def give_back(self, client: str, amount: int = 1) -> None:
        self._total -= amount
        self._taken[client] -= amount
        if not self._taken[client]:
            del self._taken[client]


class Turns:
    """Give out turns: so many at once, to each client in its order, and to the clients in turn."""

    def __init__(self, count: int, *, waiting: int) -> None:
        self._turns = Shares(count)
        self._places = Shares(waiting)
        self._lines: dict[str, dict[asyncio.Future[None], None]] = {}
        """Clients of whom requests wait, the one who is next first."""

    def take(self, client: str) -> bool:
        """Take a turn if there is one for this client."""
        return self._turns.take(client)

    async def wait(self, client: str, timeout: float, gone: asyncio.Future[Any]) -> bool:
        """Take a turn, behind those of the same client who wait.

        Returns:
            False if too many wait, or none came within `timeout` seconds or before `gone` was done.
        """
        if not self._places.take(client):
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, {})[turn] = None
        try:
            waiting = [turn, gone]
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            return turn.done()
        except asyncio.CancelledError:
            if turn.done():
                self.give_back(client)
            raise
        finally:
            # No await since the future was looked at: a turn cannot be given to one who left.
            self._places.give_back(client)
            if not turn.done():
                self._leave(client, turn)

    def give_back(self, client: str) -> None:
        self._turns.give_back(client)
        # Of those who wait when a turn is free, each has all that one client may: one turn that
        # is given back makes one of them go on, and no more.
        for other in self._lines:
            if self._turns.take(other):
                turn = next(iter(self._lines[other]))
                self._leave(other, turn)
                turn.set_result(None)
                return

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        """Take a request out of the line of its client, who goes behind the others."""
        line = self._lines.pop(client)
        del line[turn]
        if line:
            self._lines[client] = line
