from celery import shared_task

from orders.models import Order


@shared_task(bind=True)
def price_order(self, order_id):
    order = Order.objects.get(pk=order_id)
    lines = list(order.lines.all())
    total = 0
    for number, line in enumerate(lines, start=1):
        total += line.quantity * line.price
        self.update_state(state="PROGRESS", meta={"current": number, "total": len(lines)})
    order.total = total
    order.save()
    return {"total": str(total)}
