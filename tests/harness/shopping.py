"""The second host's cast."""

from __future__ import annotations

from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from tests.host.models import ShoppingList


def make_list(*usernames: str) -> tuple[int, list[str]]:
    """Return the id of a new list and its shoppers' tokens."""
    shopping = ShoppingList.objects.create(items={"bread": 1})
    users = [User.objects.create_user(username) for username in usernames]
    shopping.shoppers.set(users)
    return shopping.pk, [str(AccessToken.for_user(user)) for user in users]
