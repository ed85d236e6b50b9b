"""Two clients see every edit of this site, whichever request, page, call or task makes it."""

from decimal import Decimal

import pytest
from django.core.checks import run_checks
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from orders.models import Line, Order, Team
from realtime import rooms

pytestmark = pytest.mark.django_db


class App:
    """The program of a user: the REST API, and the room of an order, by one access token."""

    def __init__(self, connect, user, order):
        self.user = user
        self.api = APIClient()
        given = {"email": user.email, "password": "realtime"}
        token = self.api.post("/api/token/", given, "json").data["access"]
        self.api.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        self.url = f"/api/orders/{order.pk}/"
        self.socket = connect(path=f"/ws/?token={token}")
        self.joined = self.socket.join(order)

    def sees(self, changes, by=None):
        """Receive the next update: these changes, made by this user."""
        payload = self.socket.receive("order_updated")["payload"]
        assert payload["changes"] == changes
        assert payload["updated_by"] == (str(by.pk) if by else "system")


@pytest.fixture
def team():
    team = Team.objects.create(name="North")
    for name, role in (("clerk", "clerk"), ("guest", "guest")):
        make = User.objects.create_superuser if name == "clerk" else User.objects.create_user
        user = make(f"{name}@example.org", "realtime", name=name.title())
        team.memberships.create(user=user, role=role)
    return team


@pytest.fixture
def order(team):
    return Order.objects.create(team=team, customer="Smith")


@pytest.fixture
def nails(order):
    return Line.objects.create(order=order, product="Nails", quantity=20, price=Decimal("0.05"))


@pytest.fixture
def apps(order, nails, realtime_client):
    clerk, guest = [App(realtime_client, user, order) for user in User.objects.order_by("pk")]
    yield clerk, guest
    guest.socket.expect_nothing("order_updated")  # each edit was told once


@pytest.fixture
def clerk(apps):
    return apps[0]


@pytest.fixture
def guest(apps):
    return apps[1]


def test_nothing_is_left_to_set_up(db):
    assert run_checks() == []


def test_rest(order, nails, clerk, guest):
    key = str(nails.pk)
    state = guest.joined["order"]
    assert state["customer"] == "Smith"
    assert state["lines"] == {key: {"product": "Nails", "quantity": 20, "price": "0.05"}}
    assert sorted(member["username"] for member in guest.joined["members"]) == ["Clerk", "Guest"]
    assert "example.org" not in str(guest.joined)

    assert clerk.api.patch(clerk.url, {"note": "Soon"}, "json").status_code == 200
    for app in (clerk, guest):
        app.sees({"note": "Soon"}, by=clerk.user)
    assert (
        clerk.api.put(clerk.url, {"customer": "Jones", "note": "Soon"}, "json").status_code == 200
    )
    guest.sees({"customer": "Jones"}, by=clerk.user)
    line = {"order": order.pk, "product": "Bolts", "quantity": 4, "price": "1.5"}
    bolts = clerk.api.post("/api/lines/", line, "json").data["id"]
    lines = {str(bolts): {"product": "Bolts", "quantity": 4, "price": "1.50"}}
    guest.sees({"lines": lines}, by=clerk.user)
    clerk.api.patch(f"/api/lines/{bolts}/", {"quantity": 5}, "json")
    guest.sees({"lines": {str(bolts): {"quantity": 5}}}, by=clerk.user)
    clerk.api.delete(f"/api/lines/{bolts}/")
    guest.sees({"lines": {str(bolts): None}}, by=clerk.user)
    assert clerk.api.patch(f"/api/lines/{key}/", {"quantity": 1001}, "json").status_code == 400
    assert guest.api.patch(guest.url, {"note": "Never"}, "json").status_code == 403


def test_a_request_is_one_transaction(order, nails, clerk, guest):
    key = str(nails.pk)
    nails.delete()
    guest.sees({"lines": {key: None}})
    assert clerk.api.post(f"{clerk.url}ship/").status_code == 400  # after the update
    order.refresh_from_db()
    assert order.shipped_at is None

    new = [{"product": f"No. {number}", "price": "1.00"} for number in range(20)]
    assert clerk.api.post(f"{clerk.url}fill/", new, "json").status_code == 201
    lines = guest.socket.receive("order_updated")["payload"]["changes"]["lines"]
    assert [line["product"] for line in lines.values()] == [line["product"] for line in new]
    assert clerk.api.post(f"{clerk.url}ship/").status_code == 204  # queryset.update
    changes = guest.socket.receive("order_updated")["payload"]["changes"]
    assert changes.keys() == {"shipped_at"}


def test_a_task(order, nails, clerk, guest, django_capture_on_commit_callbacks):
    Line.objects.create(order=order, product="Bolts", quantity=4, price=Decimal("1.50"))
    guest.socket.receive("order_updated")
    with django_capture_on_commit_callbacks(execute=True):
        assert clerk.api.post(f"{clerk.url}price/").status_code == 202
    # Its start and its progress come over the channel layer, which these tests are without.
    updated = guest.socket.receive("order_updated")["payload"]
    assert updated["changes"] == {"total": "7.00"}
    assert updated["updated_by"] == str(clerk.user.pk)
    completed = guest.socket.receive("task_completed")
    assert completed["order_id"] == order.pk
    assert completed["payload"]["task_type"] == "price_order"
    assert completed["payload"]["result"] == {"total": "7.00"}


def test_admin(order, nails, team, clerk, guest):
    key = str(nails.pk)
    admin = Client()
    admin.force_login(clerk.user)
    page = {
        "team": team.pk,
        "customer": "Jones",
        "lines-INITIAL_FORMS": 1,
        "lines-TOTAL_FORMS": 2,
        "lines-0-id": nails.pk,
        "lines-0-order": order.pk,
        "lines-0-DELETE": "on",
        "lines-1-order": order.pk,
        "lines-1-product": "Bolts",
        "lines-1-quantity": 4,
        "lines-1-price": "1.50",
    }
    response = admin.post(f"/admin/orders/order/{order.pk}/change/", page)
    assert response.status_code == 302, response.content.decode()
    bolts = Line.objects.get()
    new = {"product": "Bolts", "quantity": 4, "price": "1.50"}
    changes = {"customer": "Jones", "lines": {key: None, str(bolts.pk): new}}
    guest.sees(changes, by=clerk.user)
    # A guest becomes a clerk, and then nobody.
    member = team.memberships.get(user=guest.user)
    formset = {
        "name": "North",
        "memberships-INITIAL_FORMS": 1,
        "memberships-TOTAL_FORMS": 1,
        "memberships-0-id": member.pk,
        "memberships-0-team": team.pk,
        "memberships-0-user": guest.user.pk,
        "memberships-0-role": "clerk",
    }
    with pytest.raises(AssertionError, match="FORBIDDEN"):
        guest.socket.update(order, {"note": "Never"})
    admin.post(f"/admin/orders/team/{team.pk}/change/", formset)
    assert clerk.socket.receive("member_changed")["payload"]["role"] == "clerk"
    guest.socket.update(order, {"note": "Mine"})
    clerk.sees({"note": "Mine"}, by=guest.user)
    admin.post(f"/admin/orders/team/{team.pk}/change/", formset | {"memberships-0-DELETE": "on"})
    guest.socket.receive("access_revoked")


def test_shell(order, nails, team, clerk, guest):
    key = str(nails.pk)
    with rooms.acting(clerk.user), transaction.atomic():
        nails.quantity = 30
        nails.save(update_fields=["quantity"])
        order.note = "By hand"
        order.save()
    guest.sees({"note": "By hand", "lines": {key: {"quantity": 30}}}, by=clerk.user)
    nails.price = Decimal("0.06")
    Line.objects.bulk_update([nails], ["price"])
    guest.sees({"lines": {key: {"price": "0.06"}}})
    Line.objects.update_or_create(order=order, product="Nails", defaults={"quantity": 10})
    guest.sees({"lines": {key: {"quantity": 10}}})
    bolts, _ = Line.objects.get_or_create(order=order, product="Bolts", price=1)
    guest.sees({"lines": {str(bolts.pk): {"product": "Bolts", "quantity": 1, "price": "1.00"}}})
    order.lines.all().delete()
    guest.sees({"lines": {key: None, str(bolts.pk): None}})
    with rooms.quiet():
        Order.objects.update(note="Imported")
    rooms.refresh(Order.objects.filter(pk=order.pk))
    # All of it, as the room may have shown rows that are gone.
    assert guest.socket.receive("order_updated")["payload"]["changes"] == {"lines": None}
    changes = guest.socket.receive("order_updated")["payload"]["changes"]
    assert (changes["customer"], changes["note"]) == ("Smith", "Imported")
    team.delete()  # and with it, by cascade, the order
    guest.socket.receive("access_revoked")


def test_the_socket_asks_the_serializers(order, nails, clerk, guest):
    lines = {str(nails.pk): {"quantity": 25}, "+": {"product": "Bolts", "price": "1.50"}}
    clerk.socket.update(order, {"note": "Soon", "lines": lines})
    bolts = Line.objects.get(product="Bolts")
    new = {"product": "Bolts", "quantity": 1, "price": "1.50"}
    lines = {str(nails.pk): {"quantity": 25}, str(bolts.pk): new}
    guest.sees({"note": "Soon", "lines": lines}, by=clerk.user)
    with pytest.raises(AssertionError, match="We do not have that many"):
        clerk.socket.update(order, {"lines": {str(nails.pk): {"quantity": 1001}}})
    User.objects.filter(pk=guest.user.pk).update(is_active=False)
    assert guest.socket.receive("error")["payload"]["code"] == "USER_INACTIVE"
