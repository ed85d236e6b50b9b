"""Test a host's rooms in memory: connected clients in a test, without Redis and without a server.

With pytest, the fixture `realtime_client` comes with the package::

    def test_everybody_sees_an_edit(realtime_client, board, alice, bob):
        first, second = realtime_client(alice), realtime_client(bob)
        first.join(board)
        second.join(board)
        first.update(board, {"title": "By alice"})
        assert second.receive("board_updated")["payload"]["changes"] == {"title": "By alice"}

With Django's test cases, `RealtimeTestMixin` has a method for the same::

    class BoardTests(RealtimeTestMixin, TestCase):
        def test_an_edit_of_a_view_is_seen(self):
            client = self.realtime_client(self.alice)

Tests are plain functions, not coroutines. The server process of a test runs on the test's own
thread and database connection, and only while a client is asked for something. So a socket sees the
rows of the test, also in a transaction that is rolled back, with a database in memory too.
"""

from realtime.testing.client import Message, RealtimeClient
from realtime.testing.environment import Environment, RealtimeTestMixin, environment

__all__ = ["Environment", "Message", "RealtimeClient", "RealtimeTestMixin", "environment"]
