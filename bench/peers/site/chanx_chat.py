"""A room in chanx, as in its tutorial for Django."""

from typing import Literal

from chanx.channels.websocket import AsyncJsonWebsocketConsumer
from chanx.core.decorators import channel, ws_handler
from chanx.messages.base import BaseMessage
from pydantic import BaseModel


class ChatPayload(BaseModel):
    text: str


class ChatMessage(BaseMessage):
    action: Literal["chat"] = "chat"
    payload: ChatPayload


class ChatNotification(BaseMessage):
    action: Literal["chat_notification"] = "chat_notification"
    payload: ChatPayload


class JoinedMessage(BaseMessage):
    action: Literal["joined"] = "joined"
    payload: None = None


@channel(name="chat", description="Room chat")
class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def post_authentication(self) -> None:
        room = self.scope["url_route"]["kwargs"]["room_name"]
        await self.join_group(f"chat_{room}")
        await self.send_message(JoinedMessage())

    @ws_handler(output_type=ChatNotification)
    async def handle_chat(self, message: ChatMessage) -> None:
        await self.broadcast_message(ChatNotification(payload=message.payload))
