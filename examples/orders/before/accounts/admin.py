from django.contrib import admin

from accounts.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    fields = ["email", "name", "is_active", "is_staff"]
