"""Print the site's protocol: `manage.py asyncapi > docs/asyncapi.json`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from realtime.protocol import asyncapi
from realtime.rooms import keys, registry


class Command(BaseCommand):
    help = "Print the WebSocket protocol as an AsyncAPI 3 document."
    requires_system_checks = []

    def handle(self, **_: Any) -> None:
        types = {kind: registry.key_type(kind).on_wire for kind in registry.kinds()}
        document = asyncapi.document(types, keys.of_users().on_wire, registry.own_payloads())
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
