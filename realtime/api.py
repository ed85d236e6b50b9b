"""Provide REST views for a host's URLs, under the host's authentication and permissions.

`path("…/<int:project_id>/events/", EventsView.as_view())` shows a project's log;
`path("…/ws-ticket/", TicketView.as_view())` gives the bearer of an access token a ticket.
"""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects
from redis.exceptions import RedisError

from realtime import conf
from realtime.auth import tickets
from realtime.db.routers import reading_where_written
from realtime.events import log
from realtime.extras import needed_by
from realtime.rooms import backend

with needed_by("realtime.api"):
    from drf_spectacular.utils import extend_schema
    from rest_framework import serializers, status
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException, NotFound
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.views import APIView

_MAX_INTEGER = 2**63 - 1


class EventsQuery(serializers.Serializer[Any]):
    since = serializers.IntegerField(
        min_value=0,
        max_value=_MAX_INTEGER,
        required=False,
        help_text="The events after this `seq`; without it the latest.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class Actor(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    username = serializers.SerializerMethodField()

    def get_username(self, user: Any) -> str:
        return backend.display_name(user)


class LoggedEvent(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    type = serializers.CharField()
    payload = serializers.JSONField()
    user = Actor(source="actor", allow_null=True)
    created_at = serializers.DateTimeField()


class History(serializers.Serializer[Any]):
    seq = serializers.IntegerField(help_text="The position of the last event that there is.")
    complete = serializers.BooleanField(
        help_text="False where events that belong here are not kept any more."
    )
    events = LoggedEvent(many=True)


class EventsView(APIView):
    """List a project's events, oldest first; a page has at most 512 KiB of events."""

    @extend_schema(parameters=[EventsQuery], responses=History)
    @reading_where_written()
    def get(self, request: Request, project_id: int) -> Response:
        if project_id > _MAX_INTEGER or not self._may_see(request, project_id):
            raise NotFound
        query = EventsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = query.validated_data["limit"]
        # Read the position before the events: an event appended meanwhile is on the next page.
        head = log.heads([project_id])[project_id]
        since = query.validated_data.get("since")
        if since is None:
            since = log.start_of_latest(project_id, upto=head, limit=limit)
        rows = log.tail(project_id, since, upto=head, limit=limit)
        prefetch_related_objects(rows, "actor")
        answer = {
            "seq": head,
            "complete": since == head or bool(rows and rows[0].seq == since + 1),
            "events": rows,
        }
        return Response(History(answer).data)

    def _may_see(self, request: Request, project_id: int) -> bool:
        user_id: Any = request.user.pk  # None for somebody who is not signed in
        return bool(backend.get().access([project_id], [user_id]))


class Ticket(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_in = serializers.FloatField(help_text="Seconds in which it must be used.")


class TicketsUnavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Tickets cannot be given now; try again."
    default_code = "unavailable"
    wait = 1
    """Seconds; REST framework puts them into the header `Retry-After`."""


class TicketView(APIView):
    """Issue a ticket that opens one WebSocket, `ws://…?ticket=…`, so that no token is in a URL."""

    permission_classes = [IsAuthenticated]

    def get_authenticators(self) -> list[BaseAuthentication]:
        # The socket ends with the token of this request, so no other sign-in will do.
        return [_jwt_authentication()]

    @extend_schema(request=None, responses={201: Ticket})
    def post(self, request: Request) -> Response:
        try:
            ticket = tickets.issue(_bearer(request))
        except (RedisError, OSError) as error:
            raise TicketsUnavailable from error
        answer = {"ticket": ticket, "expires_in": conf.get().TICKET_LIFETIME}
        return Response(Ticket(answer).data, status=status.HTTP_201_CREATED)


def _jwt_authentication() -> Any:
    with needed_by("TicketView"):  # a site without tokens has the other views
        from rest_framework_simplejwt.authentication import JWTAuthentication

    return JWTAuthentication()


def _bearer(request: Request) -> str:
    """Return the access token of a request, which `JWTAuthentication` has verified."""
    authentication = _jwt_authentication()
    token: Any = authentication.get_raw_token(authentication.get_header(request))
    return bytes(token).decode()
