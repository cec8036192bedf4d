from collections import Counter
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.dateformat import format as format_date

from workouts import delivery
from workouts.models import Delivery


class Command(BaseCommand):
    help = "Send the mails that are due, here and now, without broker and worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", help="take this instant (ISO, with its offset) for now")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be sent")

    def handle(self, *args: Any, **options: Any) -> None:
        now = self.instant(options["now"])
        if options["dry_run"]:
            self.say_what_is_due(now)
        else:
            self.send(now)

    def say_what_is_due(self, now: datetime) -> None:
        mails = self.would_go(now)
        self.stdout.write("1 mail is due." if len(mails) == 1 else f"{len(mails)} mails are due.")
        for mail in mails:
            week = mail.plan.week
            at = format_date(mail.due_at.astimezone(UTC), "j M Y, H:i")
            self.stdout.write(
                f"{week.athlete.name}, week of {format_date(week.starts_on, 'j M')}: due {at} UTC"
            )

    def would_go(self, now: datetime) -> list[Delivery]:
        """Return what a run would send: its sweep and its questions are done, and taken back."""
        mails: list[Delivery] = []
        with transaction.atomic():
            for delivery_ids in Delivery.objects.sweep(now=now):
                asked = Delivery.objects.filter(pk__in=delivery_ids)
                asked.drop_unwanted(now=now)
                due = asked.due(now).select_related("plan__week__athlete")
                mails += due.defer("plan__content").order_by("due_at", "pk")
            transaction.set_rollback(True)
        return mails

    def send(self, now: datetime) -> None:
        # The clock goes on: a lease must not be reckoned from when a long run began.
        ahead = now - timezone.now()
        due: list[int] = []
        for delivery_ids in Delivery.objects.sweep(now=now):
            delivery.send_plans(delivery_ids, clock=lambda: timezone.now() + ahead)
            due += delivery_ids
        states: Counter[str] = Counter()
        for start in range(0, len(due), 1000):
            some = Delivery.objects.filter(pk__in=due[start : start + 1000])
            states.update(some.values_list("state", flat=True))
        sent = states.pop(Delivery.State.SENT, 0)
        self.stdout.write(f"{sent} of {len(due)} mails sent.")
        for state, count in states.most_common():
            self.stdout.write(f"{count} {Delivery.State(state).label.lower()}")

    def instant(self, text: str | None) -> datetime:
        if text is None:
            return timezone.now()
        try:
            instant = datetime.fromisoformat(text)
        except ValueError as error:
            raise CommandError(f"“{text}” is no instant; write 2026-11-29T18:00+00:00.") from error
        if instant.tzinfo is None:
            raise CommandError(f"“{text}” has no offset; write 2026-11-29T18:00+00:00.")
        return instant
