from django.test import TestCase
from rest_framework.test import APIClient

from accounts.models import User
from orders.models import Line, Order, Team


class OrderTests(TestCase):
    def setUp(self):
        self.team = Team.objects.create(name="North")
        self.order = Order.objects.create(team=self.team, customer="Smith")
        self.clerk = User.objects.create_user("clerk@example.org")
        self.guest = User.objects.create_user("guest@example.org")
        for user, role in ((self.clerk, "clerk"), (self.guest, "guest")):
            self.team.memberships.create(user=user, role=role)
        self.url = f"/api/orders/{self.order.pk}/"
        self.api = APIClient()
        self.api.force_authenticate(self.clerk)

    def test_an_order_is_filled_and_shipped(self):
        self.assertEqual(self.api.post(f"{self.url}ship/").status_code, 400)
        lines = [{"product": "Nails", "quantity": 20, "price": "0.05"}]
        self.assertEqual(self.api.post(f"{self.url}fill/", lines, "json").status_code, 201)
        self.assertEqual(self.api.post(f"{self.url}ship/").status_code, 204)
        self.assertIsNotNone(self.api.get(self.url).data["shipped_at"])

    def test_there_are_not_as_many(self):
        lines = [{"product": "Nails", "quantity": 1001, "price": "0.05"}]
        self.assertEqual(self.api.post(f"{self.url}fill/", lines, "json").status_code, 400)
        self.assertFalse(Line.objects.exists())

    def test_guests_may_look(self):
        self.api.force_authenticate(self.guest)
        self.assertEqual(self.api.get(self.url).data["customer"], "Smith")
        self.assertEqual(self.api.patch(self.url, {"customer": "Jones"}).status_code, 403)
        self.api.force_authenticate(User.objects.create_user("other@example.org"))
        self.assertEqual(self.api.get(self.url).status_code, 404)
