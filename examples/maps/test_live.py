"""Two clients see every edit of this site, and its own consumers go on beside the rooms."""

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.testing import WebsocketCommunicator
from django.core.checks import run_checks
from django.db import connection
from django.test import AsyncClient, Client

from maps.models import Map, Pin, Tag, User
from realtime import rooms

HOST = "localhost"
SECONDS = 10


def session_of(user):
    client = Client()
    client.force_login(user)
    return client, f"sessionid={client.cookies['sessionid'].value}"


class Browser:
    """The pages of a user, and the room of a map: signed in by one session."""

    def __init__(self, connect, user, shown):
        self.user = user
        self.pages, cookie = session_of(user)
        self.socket = connect(headers={"Cookie": cookie, "Origin": "http://testserver"})
        self.joined = self.socket.join(shown)

    def post(self, url, **data):
        response = self.pages.post(url, data)
        assert response.status_code == 302, response.content.decode()

    def sees(self, changes, by=None):
        """Receive the next update: these changes, made by this user."""
        payload = self.socket.receive("map_updated")["payload"]
        assert payload["changes"] == changes
        assert payload["updated_by"] == (str(by.pk) if by else "system")


def new(label, *tags):
    """Return a new pin as rooms show it."""
    return {
        "label": label,
        "latitude": "0.00000",
        "longitude": "0.00000",
        "tags": [str(tag.pk) for tag in tags],
    }


def make_people():
    return [User.objects.create_superuser("owner"), User.objects.create_user("other")]


@pytest.fixture
def hills(db):
    owner, _other = make_people()
    return Map.objects.create(name="Hills", owner=owner)


@pytest.fixture
def summit(hills):
    return Pin.objects.create(map=hills, label="Summit")


@pytest.fixture
def browsers(hills, summit, realtime_client):
    people = User.objects.order_by("-username")
    owner, other = [Browser(realtime_client, user, hills) for user in people]
    yield owner, other
    other.socket.expect_nothing("map_updated")  # each edit was told once


@pytest.fixture
def owner(browsers):
    return browsers[0]


@pytest.fixture
def other(browsers):
    return browsers[1]


def test_nothing_is_left_to_set_up():
    assert run_checks() == []


def test_pages(hills, summit, owner, other):
    key = str(summit.pk)
    assert other.joined["map"] == {
        "name": "Hills",
        "is_open": False,
        "pins": {key: new("Summit")},
    }
    lake = Tag.objects.create(name="lake")
    form = {"label": "Peak", "latitude": "47.5", "longitude": "11"}
    owner.post(f"/pins/{key}/", **form)
    pin = {"label": "Peak", "latitude": "47.50000", "longitude": "11.00000"}
    for browser in (owner, other):
        browser.sees({"pins": {key: pin}}, by=owner.user)
    owner.post(f"/pins/{key}/", **form, tags=[lake.pk])
    other.sees({"pins": {key: {"tags": [str(lake.pk)]}}}, by=owner.user)
    page = owner.pages.get(f"/maps/{hills.pk}/").content.decode()
    assert f"&quot;kind&quot;: &quot;map&quot;, &quot;key&quot;: &quot;{hills.pk}&quot;" in page
    assert other.pages.post(f"/pins/{key}/", form).status_code == 403


def test_an_asynchronous_view(hills, owner, other):
    async def post():
        client = AsyncClient()
        await client.aforce_login(owner.user)
        return await client.post(f"/maps/{hills.pk}/pins/", {"label": "Hut"})

    assert async_to_sync(post)().status_code == 302
    hut = Pin.objects.get(label="Hut")
    other.sees({"pins": {str(hut.pk): new("Hut")}}, by=owner.user)


def test_admin(hills, summit, owner, other):
    key = str(summit.pk)
    row = {
        "form-INITIAL_FORMS": 1,
        "form-TOTAL_FORMS": 1,
        "form-0-id": hills.pk,
        "form-0-name": "High hills",
        "_save": "1",
    }
    owner.post("/admin/maps/map/", **row)  # list_editable
    other.sees({"name": "High hills"}, by=owner.user)
    pin = {"map": hills.pk, "label": "Peak", "latitude": 0, "longitude": 0}
    owner.post(f"/admin/maps/pin/{key}/change/", **pin)
    other.sees({"pins": {key: {"label": "Peak"}}}, by=owner.user)
    delete = {"action": "delete_selected", "_selected_action": [key], "post": "yes"}
    owner.post("/admin/maps/pin/", **delete)
    other.sees({"pins": {key: None}}, by=owner.user)


def test_shell(hills, summit, owner, other):
    key = str(summit.pk)
    hut = Tag.objects.create(name="hut")
    summit.tags.add(hut)
    other.sees({"pins": {key: {"tags": [str(hut.pk)]}}})
    summit.tags.clear()
    other.sees({"pins": {key: {"tags": []}}})
    pins = Pin.objects.bulk_create(Pin(map=hills, label=f"No. {number}") for number in range(50))
    other.sees({"pins": {str(pin.pk): new(pin.label) for pin in pins}})
    Pin.objects.exclude(pk=summit.pk).update(latitude=1)
    other.sees({"pins": {str(pin.pk): {"latitude": "1.00000"} for pin in pins}})
    for pin in pins:
        pin.longitude = 2
    Pin.objects.bulk_update(pins, ["longitude"])
    other.sees({"pins": {str(pin.pk): {"longitude": "2.00000"} for pin in pins}})
    Pin.objects.exclude(pk=summit.pk).delete()
    other.sees({"pins": {str(pin.pk): None for pin in pins}})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE maps_pin SET label = 'By SQL'")
    rooms.refresh(Pin.objects.filter(map=hills))
    # All of it, as the room may have shown something that is gone.
    assert other.socket.receive("map_updated")["payload"]["changes"] == {"pins": {key: None}}
    changes = other.socket.receive("map_updated")["payload"]["changes"]
    assert changes["pins"][key]["label"] == "By SQL"
    owner.user.delete()  # and with the owner, by cascade, the map
    other.socket.receive("access_revoked")


def test_the_rule_in_python_counts(hills, owner, other):
    with pytest.raises(AssertionError, match="FORBIDDEN"):
        other.socket.update(hills, {"name": "Mine"})
    owner.socket.update(hills, {"is_open": True, "pins": {"+": {"label": "Hut"}}})
    hut = Pin.objects.get(label="Hut")
    other.sees({"is_open": True, "pins": {str(hut.pk): new("Hut")}}, by=owner.user)
    other.socket.update(hills, {"name": "Ours", "pins": {str(hut.pk): None}})
    owner.socket.receive("map_updated")
    for browser in (owner, other):
        browser.sees({"name": "Ours", "pins": {str(hut.pk): None}}, by=other.user)


class Socket(WebsocketCommunicator):
    """A socket of the site's own application: of the chat, or of the rooms."""

    def __init__(self, application, path, cookie):
        headers = [("host", HOST), ("origin", f"http://{HOST}"), ("cookie", cookie)]
        super().__init__(application, path, [(k.encode(), v.encode()) for k, v in headers])

    async def until(self, wanted):
        async with asyncio.timeout(SECONDS):
            while (message := await self.receive_json_from(SECONDS))["type"] != wanted:
                pass
        return message


@pytest.mark.django_db(transaction=True)
async def test_its_consumers_go_on_beside_the_rooms(settings):
    from mysite.asgi import application

    settings.ALLOWED_HOSTS = [HOST]
    owner, other = await sync_to_async(make_people)()
    hills = await Map.objects.acreate(name="Hills", owner=owner)
    cookies = [(await sync_to_async(session_of)(user))[1] for user in (owner, other)]
    server = ApplicationCommunicator(application, {"type": "lifespan"})
    await server.send_input({"type": "lifespan.startup"})
    assert (await server.receive_output(SECONDS))["type"] == "lifespan.startup.complete"

    chats = [Socket(application, f"/ws/chat/{hills.pk}/", cookie) for cookie in cookies]
    live = [Socket(application, "/ws/", cookie) for cookie in cookies]
    for socket in (*chats, *live):
        assert (await socket.connect(SECONDS))[0]
    for socket in live:
        await socket.send_json_to(
            {"type": "join_map", "payload": {"map_id": str(hills.pk)}, "ref": 1}
        )
        assert (await socket.until("ack"))["payload"]["map"]["name"] == "Hills"
    await chats[0].send_json_to({"text": "Hello"})
    for socket in chats:
        assert await socket.receive_json_from(SECONDS) == {"text": "Hello", "author": "owner"}
    await chats[1].send_json_to({"text": "/pin Hut"})  # what a consumer saves is seen, too
    for socket in live:
        changes = (await socket.until("map_updated"))["payload"]["changes"]
        assert [pin["label"] for pin in changes["pins"].values()] == ["Hut"]
    nowhere = Socket(application, f"/ws/chat/{owner.pk}/", cookies[0])
    assert not (await nowhere.connect(SECONDS))[0]

    for socket in (*chats, *live):
        await socket.disconnect()
    await server.send_input({"type": "lifespan.shutdown"})
    assert (await server.receive_output(SECONDS))["type"] == "lifespan.shutdown.complete"
