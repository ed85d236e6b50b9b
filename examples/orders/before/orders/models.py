from django.conf import settings
from django.db import models


class Team(models.Model):
    name = models.CharField(max_length=100)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership")

    def __str__(self):
        return self.name


class Membership(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=[("clerk", "clerk"), ("guest", "guest")])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="member_once")]

    def __str__(self):
        return f"{self.user} of {self.team}"


class Order(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="orders")
    customer = models.CharField(max_length=100)
    note = models.TextField(blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    total = models.DecimalField(max_digits=10, decimal_places=2, null=True, editable=False)

    def __str__(self):
        return f"Order {self.pk} of {self.customer}"


class Line(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.CharField(max_length=100)
    quantity = models.PositiveIntegerField(default=1)
    price = models.DecimalField(max_digits=8, decimal_places=2)

    def __str__(self):
        return f"{self.quantity} × {self.product}"
