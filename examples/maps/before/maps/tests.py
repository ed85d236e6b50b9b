from django.test import TestCase

from maps.models import Map, Pin, User


class MapTests(TestCase):
    def setUp(self):
        self.owner, self.other = map(User.objects.create_user, ("owner", "other"))
        self.map = Map.objects.create(name="Hills", owner=self.owner)
        self.pin = Pin.objects.create(map=self.map, label="Summit")

    def test_the_owner_adds_and_edits_a_pin(self):
        self.client.force_login(self.owner)
        self.client.post(f"/maps/{self.map.pk}/pins/", {"label": "Hut"})
        data = {"label": "Peak", "latitude": 47, "longitude": 11}
        page = self.client.post(f"/pins/{self.pin.pk}/", data, follow=True)
        self.assertContains(page, "<li>Hut</li>")
        self.assertContains(page, "<li>Peak</li>")

    def test_others_may_if_it_is_open(self):
        self.client.force_login(self.other)
        url = f"/maps/{self.map.pk}/pins/"
        self.assertEqual(self.client.post(url, {"label": "Hut"}).status_code, 403)
        Map.objects.update(is_open=True)
        self.assertEqual(self.client.post(url, {"label": "Hut"}).status_code, 302)
