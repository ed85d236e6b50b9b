from __future__ import annotations

from celery import shared_task

from realtime.tasks import RoomTask
from tests.boards.models import Board


@shared_task(base=RoomTask, bind=True)
def rename(self: RoomTask, *, plan_id: str, title: str) -> None:
    Board.objects.filter(pk=plan_id).update(title=title)
