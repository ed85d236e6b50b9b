"""Long lists, page by page."""

from __future__ import annotations

from typing import Any

from django.utils.encoding import iri_to_uri
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param


class PageQuery(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, default=0, help_text="Those with a higher id."
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class PagesById(BasePagination):
    """Rows in the order of their ids, which no insertion shifts.

    The body stays a plain list; the header `Link`, `<…>; rel="next"` (RFC 8288), says that and
    where it goes on.
    """

    next_url = ""

    def paginate_queryset(
        self,
        queryset: Any,
        request: Request,
        view: Any = None,  # noqa: ARG002  (REST framework's signature)
    ) -> list[Any]:
        query = PageQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = query.validated_data["limit"]
        rows = list(
            queryset.filter(pk__gt=query.validated_data["after"]).order_by("pk")[: limit + 1]
        )
        if len(rows) > limit:
            rows.pop()
            url = request.build_absolute_uri()
            self.next_url = replace_query_param(url, "after", rows[-1].pk)
        return rows

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
