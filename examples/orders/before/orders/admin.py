from django.contrib import admin

from orders.models import Line, Membership, Order, Team


class LineInline(admin.TabularInline):
    model = Line
    extra = 0


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    fields = ["team", "customer", "note"]
    inlines = [LineInline]


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    inlines = [MembershipInline]
