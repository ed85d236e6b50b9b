"""Rooms in python-socketio with its Redis manager."""

import os

import socketio

server = socketio.AsyncServer(
    async_mode="asgi", client_manager=socketio.AsyncRedisManager(os.environ["REDIS_URL"])
)
application = socketio.ASGIApp(server)


@server.event
async def join(sid, data):
    await server.enter_room(sid, str(data["room"]))
    return "ok"


@server.event
async def update(_sid, data):
    await server.emit("project_updated", data, room=str(data["room"]))
