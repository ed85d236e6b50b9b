"""Share the HTTP capacity of a server process between its clients, by their addresses.

One client has three quarters of anything at most, and waiting clients take turns: so a stranger who
asks for everything leaves the others their share.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings


def client_of(scope: Any) -> str:
    """Return the client whose share a request takes: an IPv4 address, or a network of IPv6.

    Behind proxies it goes by REST framework's `NUM_PROXIES`. Without an address it is any text.
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
        # A client with one address of IPv6 has all 2**64 of its network.
        return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))
    return str(address)


class Shares:
    """Count the amounts taken of a bounded resource, in all and by each client."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._most = limit - limit // 4
        self._total = 0
        self._taken: Counter[str] = Counter()

    def may_take(self, client: str, amount: int = 1) -> bool:
        return self._total + amount <= self._limit and self._taken[client] + amount <= self._most

    def take(self, client: str, amount: int = 1) -> bool:
        """Take an amount, or return False if there is not enough for this client."""
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
    """Give out `count` turns at once: to the clients in turn, and to each in its own order."""

    def __init__(self, count: int, *, waiting: int) -> None:
        self._turns = Shares(count)
        self._places = Shares(waiting)
        self._lines: dict[str, dict[asyncio.Future[None], None]] = {}
        """Clients with waiting requests, the next one first."""

    def take(self, client: str) -> bool:
        """Take a turn if there is one for this client."""
        return self._turns.take(client)

    async def wait(self, client: str, timeout: float, gone: asyncio.Future[Any]) -> bool:
        """Wait for a turn behind the client's earlier requests.

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
            # There is no await since `turn.done()`, so no turn is given to a request that left.
            self._places.give_back(client)
            if not turn.done():
                self._leave(client, turn)

    def give_back(self, client: str) -> None:
        self._turns.give_back(client)
        # While a turn is free, a client waits only if it has its whole share. So one turn that is
        # given back lets one request go on, and no more.
        for other in self._lines:
            if self._turns.take(other):
                turn = next(iter(self._lines[other]))
                self._leave(other, turn)
                turn.set_result(None)
                return

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        """Take a request out of its client's line; the client goes behind the others."""
        line = self._lines.pop(client)
        del line[turn]
        if line:
            self._lines[client] = line
