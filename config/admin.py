"""Register accounts in the admin, with the actions of `realtime`."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User

from realtime.admin import CheckedAdmin, disconnect_users

admin.site.unregister(User)


@admin.register(User)
class UserAdmin(CheckedAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    actions = [disconnect_users]
    list_display = ["username", "email", "is_active", "is_staff", "last_login"]
