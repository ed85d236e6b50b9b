"""`manage.py asyncapi > docs/asyncapi.json`"""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from realtime.protocol import asyncapi


class Command(BaseCommand):
    help = "Print the WebSocket protocol as an AsyncAPI 3 document."
    requires_system_checks = []

    def handle(self, **_: Any) -> None:
        self.stdout.write(json.dumps(asyncapi.document(), indent=2, ensure_ascii=False))
