from django.contrib import admin

from maps.models import Map, Pin, Tag, User

admin.site.register([User, Tag])


@admin.register(Map)
class MapAdmin(admin.ModelAdmin):
    list_display = ["id", "name", "is_open"]
    list_editable = ["name", "is_open"]


@admin.register(Pin)
class PinAdmin(admin.ModelAdmin):
    list_display = ["label", "map"]
    filter_horizontal = ["tags"]
