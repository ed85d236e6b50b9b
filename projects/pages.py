"""Page through long lists of the REST API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Value
from django.utils.encoding import iri_to_uri
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

MAX_SIZE = 512 * 1024
"""Bytes of the rows of a page, unless the first of them alone is larger."""
_STEP = 50
"""Rows whose sizes one query asks for: the database computes them."""
_USUAL_SIZE = Value(500)


class PageQuery(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, default=0, help_text="Those with a higher id."
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class PagesById(BasePagination):
    """Page through rows in the order of their ids, which no insertion shifts.

    The body stays a plain list; the header `Link`, `<…>; rel="next"` (RFC 8288), has the URL of the
    next page. A page ends early if its rows are large: a view's `row_size` is an expression for the
    bytes of a row.
    """

    next_url = ""

    def paginate_queryset(
        self,
        queryset: Any,
        request: Request,
        view: Any = None,
    ) -> list[Any]:
        query = PageQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        after, limit = query.validated_data["after"], query.validated_data["limit"]
        size = getattr(view, "row_size", None) or _USUAL_SIZE
        ids, has_more = _fitting(queryset.order_by("pk"), after, limit, size)
        if has_more:
            url = request.build_absolute_uri()
            self.next_url = replace_query_param(url, "after", ids[-1])
        return list(queryset.filter(pk__in=ids).order_by("pk"))

    def get_paginated_response(self, data: Any) -> Response:
        headers = {"Link": f'<{iri_to_uri(self.next_url)}>; rel="next"'} if self.next_url else None
        return Response(data, headers=headers)

    def get_paginated_response_schema(self, schema: Any) -> Any:
        return schema

    def get_schema_operation_parameters(
        self,
        view: Any,  # noqa: ARG002  (drf-spectacular's signature)
    ) -> list[dict[str, Any]]:
        integer = {"type": "integer"}
        return [
            {"name": name, "in": "query", "required": False, "schema": integer}
            for name in PageQuery().fields
        ]


def _fitting(rows: QuerySet[Any], after: int, limit: int, size: Any) -> tuple[list[int], bool]:
    """Return the ids of the rows that fit into a page, and True if there are more."""
    ids: list[int] = []
    total = 0
    while True:
        step = rows.filter(pk__gt=ids[-1] if ids else after).values_list("pk", size)[:_STEP]
        for pk, bytes_ in step:
            total += bytes_
            if len(ids) == limit or (ids and total > MAX_SIZE):
                return ids, True
            ids.append(pk)
        if len(step) < _STEP:
            return ids, False
