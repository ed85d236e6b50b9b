"""The tutorial's consumer for members only: a token, a permission, the state, and who comes."""

import json
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from bench.peers.site.models import Document
from bench.peers.site.plain import ChatConsumer


@database_sync_to_async
def get_user(token):
    return User.objects.get(pk=AccessToken(token)["user_id"], is_active=True)


class TokenAuthMiddleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        [token] = parse_qs(scope["query_string"].decode())["token"]
        scope["user"] = await get_user(token)
        return await self.app(scope, receive, send)


class MemberConsumer(ChatConsumer):
    async def connect(self):
        document = await self.get_document(self.scope["url_route"]["kwargs"]["room_name"])
        if document is None:
            await self.close()
            return
        await super().connect()
        await self.send(json.dumps({"document": {"id": document.pk, "title": document.title}}))
        await self.channel_layer.group_send(
            self.room_group_name, {"type": "user.joined", "username": self.scope["user"].username}
        )

    async def user_joined(self, event):
        await self.send(json.dumps({"user_joined": event["username"]}))

    @database_sync_to_async
    def get_document(self, pk):
        return Document.objects.filter(pk=pk, members=self.scope["user"]).first()
