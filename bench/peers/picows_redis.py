"""picows with Redis, and nothing else: about as fast as a WebSocket server in Python can be."""

import asyncio
import json
import os
import sys

import uvloop
from picows import WSListener, WSMsgType, ws_create_server
from redis.asyncio import Redis

rooms: dict[int, set] = {}
redis = Redis.from_url(os.environ["REDIS_URL"])
tasks = set()


class Connection(WSListener):
    room = None

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, _, frame):
        if frame.msg_type is not WSMsgType.TEXT:
            return
        text = frame.get_payload_as_bytes()
        message = json.loads(text)
        if "join" in message:
            self.room = message["join"]
            rooms.setdefault(self.room, set()).add(self.transport)
            self.transport.send(WSMsgType.TEXT, b'{"joined":true}')
        else:
            task = asyncio.create_task(redis.publish(f"room:{message['room']}", text))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def on_ws_disconnected(self, transport):
        rooms.get(self.room, set()).discard(transport)


async def main():
    pubsub = redis.pubsub()
    await pubsub.psubscribe("room:*")
    server = await ws_create_server(lambda _: Connection(), "127.0.0.1", int(sys.argv[1]))
    async with server:
        async for message in pubsub.listen():
            if message["type"] == "pmessage":
                room = int(message["channel"].partition(b":")[2])
                for transport in rooms.get(room, ()):
                    transport.send(WSMsgType.TEXT, message["data"])


uvloop.run(main())
