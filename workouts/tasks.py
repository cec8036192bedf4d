"""What beat and workers run: ids in, one call, nothing out. Rules are in models and delivery."""

from celery import shared_task
from django.utils import timezone

from workouts import delivery
from workouts.models import Delivery, Heartbeat

# One task carries many mails over one connection; each mail is claimed and marked by itself.
BATCH = 50
# A batch that waited longer is dropped: the sweep rings again while its rows are unsent.
BATCH_EXPIRES_S = 120


@shared_task
def send_due_plans() -> None:
    """Sweep: settle what no worker will finish, and hand the due deliveries out in batches."""
    now = timezone.now()
    Delivery.objects.settle_lost(now=now)
    Delivery.objects.reckon_again(now=now)
    due = list(Delivery.objects.due(now).order_by("due_at", "pk").values_list("pk", flat=True))
    for start in range(0, len(due), BATCH):
        send_plans.apply_async(
            kwargs={"delivery_ids": due[start : start + BATCH]}, expires=BATCH_EXPIRES_S
        )
    Heartbeat.beat("sweep", now=now)


@shared_task
def send_plans(*, delivery_ids: list[int]) -> None:
    """Send these deliveries, those that are still due, over one connection."""
    delivery.send_plans(delivery_ids, clock=timezone.now)
