"""Provide REST views for a host's URLs, under the host's authentication and permissions.

`path("boards/<int:board_id>/events/", EventsView.as_view())` shows the log of a room of kind
`board`, by the name of its argument;
`path("…/ws-ticket/", TicketView.as_view())` gives the bearer of an access token a ticket.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import prefetch_related_objects
from redis.exceptions import RedisError

from realtime import conf
from realtime.auth import tickets
from realtime.db.routers import reading_where_written
from realtime.events import log
from realtime.extras import needed_by
from realtime.protocol.room_id import Id, RoomId, key_name, to_id
from realtime.rooms import hosts, registry

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
    id = serializers.SerializerMethodField()
    username = serializers.SerializerMethodField()

    def get_id(self, user: Any) -> Id:
        return to_id(user.pk)

    def get_username(self, user: Any) -> str:
        kind: str = self.context["kind"]
        return registry.kinds()[kind].display_name(user)


class LoggedEvent(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    type = serializers.CharField()
    payload = serializers.JSONField()
    user = Actor(source="actor", allow_null=True)
    created_at = serializers.DateTimeField()
    before = serializers.JSONField(
        allow_null=True,
        required=False,
        help_text="The values that it replaced, where the site shows them; null if not known.",
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        if self.context.get("hides_before"):
            del fields["before"]
        return fields


class History(serializers.Serializer[Any]):
    seq = serializers.IntegerField(help_text="The position of the last event that there is.")
    complete = serializers.BooleanField(
        help_text="False where events that belong here are not kept any more."
    )
    events = LoggedEvent(many=True)


class EventsView(APIView):
    """List a room's events, oldest first; a page has at most 512 KiB of events.

    `as_view(shows_before=True)` adds to each what it replaced, so that a page can show differences
    and give versions back. Only the admin shows that otherwise.
    """

    shows_before = False

    @extend_schema(parameters=[EventsQuery], responses=History)
    @reading_where_written()
    def get(self, request: Request, **key: Any) -> Response:
        room = _room_in(key)
        if room is None or not self._may_see(request, room):
            raise NotFound
        query = EventsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = query.validated_data["limit"]
        # Read the position before the events: an event appended meanwhile is on the next page.
        row, head = log.heads([room])[room]
        since = query.validated_data.get("since")
        if since is None:
            since = log.start_of_latest(row, upto=head, limit=limit, with_before=self.shows_before)
        rows = log.tail(row, since, upto=head, limit=limit, with_before=self.shows_before)
        prefetch_related_objects(rows, "actor")
        answer = {
            "seq": head,
            "complete": since == head or bool(rows and rows[0].seq == since + 1),
            "events": rows,
        }
        context = {"kind": room.kind, "hides_before": not self.shows_before}
        return Response(History(answer, context=context).data)

    def _may_see(self, request: Request, room: RoomId) -> bool:
        if request.user.pk is None:  # not signed in
            return False
        return bool(hosts.access([room], [to_id(request.user.pk)]))


def _room_in(kwargs: dict[str, Any]) -> RoomId | None:
    """Return the room named by a URL's argument `<kind>_id`; None if it cannot exist.

    Raises:
        ImproperlyConfigured: if there is no such argument.
    """
    for kind in registry.kinds():
        if (name := key_name(kind)) in kwargs:
            return registry.parse(kind, kwargs[name])
    names = ", ".join(key_name(kind) for kind in registry.kinds())
    raise ImproperlyConfigured(f"The path of EventsView has no argument with a room: {names}")


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
