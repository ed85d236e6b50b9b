from channels.generic.websocket import AsyncJsonWebsocketConsumer

from maps.models import Map, Pin, Remark


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """Chat about a map. A remark that begins with "/pin " puts a pin on it."""

    async def connect(self):
        self.map = await Map.objects.filter(pk=self.scope["url_route"]["kwargs"]["pk"]).afirst()
        if self.map is None or not self.scope["user"].is_authenticated:
            await self.close()
            return
        self.group = f"chat_{self.map.pk}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def receive_json(self, content):
        user, text = self.scope["user"], content["text"]
        if text.startswith("/pin "):
            await Pin.objects.acreate(map=self.map, label=text.removeprefix("/pin "))
            return
        await Remark.objects.acreate(map=self.map, author=user, text=text)
        message = {"type": "remark", "text": text, "author": user.username}
        await self.channel_layer.group_send(self.group, message)

    async def remark(self, message):
        await self.send_json({"text": message["text"], "author": message["author"]})

    async def disconnect(self, code):
        if hasattr(self, "group"):
            await self.channel_layer.group_discard(self.group, self.channel_name)
