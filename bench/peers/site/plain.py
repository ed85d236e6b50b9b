"""The consumer of the Channels tutorial, part 3; and the same one with each message saved."""

import json

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from bench.peers.site.models import Document


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.room_group_name = f"chat_{self.room_name}"
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive(self, text_data):
        message = json.loads(text_data)["message"]
        await self.channel_layer.group_send(
            self.room_group_name, {"type": "chat.message", "message": message}
        )

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


class SavingConsumer(ChatConsumer):
    async def receive(self, text_data):
        await self.save(json.loads(text_data)["message"])
        await super().receive(text_data)

    @database_sync_to_async
    def save(self, message):
        document = Document.objects.get(pk=self.room_name)
        document.title = message
        document.save()
