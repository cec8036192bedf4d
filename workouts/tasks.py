"""What beat and workers run: ids in, one call, nothing out. Rules are in models and delivery."""

from celery import shared_task
from django.utils import timezone

from workouts import delivery, digests
from workouts.models import Delivery, Digest, Heartbeat

# A batch that waited longer is dropped: the sweep rings again while its rows are unsent.
BATCH_EXPIRES_S = 120


@shared_task
def send_due_plans() -> None:
    """Sweep: settle what no worker will finish, and hand the due deliveries out in batches."""
    now = timezone.now()
    for delivery_ids in Delivery.objects.sweep(now=now):
        send_plans.apply_async(kwargs={"delivery_ids": delivery_ids}, expires=BATCH_EXPIRES_S)
    if digest_ids := Digest.objects.sweep(now=now):
        send_digests.apply_async(kwargs={"digest_ids": digest_ids}, expires=BATCH_EXPIRES_S)
    Heartbeat.beat("sweep", now=now)


@shared_task
def send_plans(*, delivery_ids: list[int]) -> None:
    """Send these deliveries, those that are still due, over one connection."""
    delivery.send_plans(delivery_ids, clock=timezone.now)


@shared_task
def send_digests(*, digest_ids: list[int]) -> None:
    """Send these morning mails to coaches, those that are still due."""
    digests.send_digests(digest_ids, clock=timezone.now)
