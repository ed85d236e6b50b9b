"""What the REST API takes as JSON: as strict as the WebSocket is, and no more than a limit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

from projects.validation import LEAST_NUMBER


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "body_too_large"


class StrictJSONParser(BaseParser):
    """Reads a body of DATA_UPLOAD_MAX_MEMORY_SIZE bytes at most.

    REST framework's own reads any size, takes half of a surrogate pair (which no database
    does), and fails on deep nesting.
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
        try:
            text = body.decode()
            data = json.loads(
                text, parse_constant=_no_constant, parse_float=_float, object_pairs_hook=_unique
            )
            if "\\u" in text:
                json.dumps(data, ensure_ascii=False).encode()  # refuses lone surrogates
        except RecursionError:
            raise ParseError("Nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"Not valid JSON: {error}"[:200]) from None
        return data


def _no_constant(name: str) -> Any:
    raise ParseError(f"{name} is not JSON.")


def _float(digits: str) -> float:
    number = float(digits)
    return number if abs(number) >= LEAST_NUMBER else 0.0


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError("A key stands twice in an object.")
    return found
