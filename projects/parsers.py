"""Parse JSON bodies of the REST API as strictly as the WebSocket, up to a limit of size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

from realtime.protocol import strict_json


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "body_too_large"


class StrictJSONParser(BaseParser):
    """Parse a body of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes.

    REST framework's own parser reads any size, accepts lone surrogates and NUL, which databases
    refuse, and fails on deep nesting.
    """

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002  (REST framework's signature)
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge
        if strict_json.has_nul(body):
            raise ParseError("NUL characters are not allowed.")
        try:
            return strict_json.parse(body.decode())
        except (strict_json.JSONError, UnicodeDecodeError) as error:
            raise ParseError(f"{error}."[:200]) from None
