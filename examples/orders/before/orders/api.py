from django.utils import timezone
from rest_framework import mixins, permissions, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from orders.models import Line, Membership, Order
from orders.tasks import price_order


class IsClerk(permissions.BasePermission):
    """Guests of a team may look; its clerks may change."""

    def has_object_permission(self, request, view, obj):
        if request.method in permissions.SAFE_METHODS:
            return True
        team = obj.team if isinstance(obj, Order) else obj.order.team
        return Membership.objects.filter(team=team, user=request.user, role="clerk").exists()


class OrderSerializer(serializers.ModelSerializer):
    class Meta:
        model = Order
        fields = ["id", "customer", "note", "shipped_at", "total"]


class LineSerializer(serializers.ModelSerializer):
    class Meta:
        model = Line
        fields = ["id", "order", "product", "quantity", "price"]

    def validate_quantity(self, quantity):
        if quantity > 1000:
            raise serializers.ValidationError("We do not have that many.")
        return quantity


class NewLineSerializer(LineSerializer):
    class Meta:
        model = Line
        fields = ["product", "quantity", "price"]


class OrderViewSet(
    mixins.UpdateModelMixin, mixins.DestroyModelMixin, viewsets.ReadOnlyModelViewSet
):
    serializer_class = OrderSerializer
    permission_classes = [permissions.IsAuthenticated, IsClerk]

    def get_queryset(self):
        return Order.objects.filter(team__people=self.request.user)

    @action(detail=True, methods=["post"])
    def ship(self, request, pk):
        order = self.get_object()
        Order.objects.filter(pk=order.pk, shipped_at=None).update(shipped_at=timezone.now())
        if not order.lines.exists():  # what was written is rolled back with the request
            raise serializers.ValidationError("An order without lines cannot be shipped.")
        return Response(status=status.HTTP_204_NO_CONTENT)

    @action(detail=True, methods=["post"])
    def fill(self, request, pk):
        """Add many lines at once."""
        order = self.get_object()
        serializer = NewLineSerializer(data=request.data, many=True)
        serializer.is_valid(raise_exception=True)
        Line.objects.bulk_create(Line(order=order, **data) for data in serializer.validated_data)
        return Response(status=status.HTTP_201_CREATED)

    @action(detail=True, methods=["post"])
    def price(self, request, pk):
        price_order.delay_on_commit(self.get_object().pk)
        return Response(status=status.HTTP_202_ACCEPTED)


class LineViewSet(viewsets.ModelViewSet):
    serializer_class = LineSerializer
    permission_classes = [permissions.IsAuthenticated, IsClerk]

    def get_queryset(self):
        return Line.objects.filter(order__team__people=self.request.user)
