from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from workouts import delivery
from workouts.models import Delivery


class Command(BaseCommand):
    help = "Send the mails that are due, here and now, without broker and worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", help="take this instant (ISO, with its offset) for now")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be sent")

    def handle(self, *args: Any, **options: Any) -> None:
        now = self.instant(options["now"])
        due = list(Delivery.objects.due(now).order_by("due_at", "pk").values_list("pk", flat=True))
        if options["dry_run"]:
            self.stdout.write(f"{len(due)} mails are due.")
            return
        Delivery.objects.settle_lost(now=now)
        delivery.send_plans(due, clock=lambda: now)
        sent = Delivery.objects.filter(pk__in=due, state=Delivery.State.SENT).count()
        self.stdout.write(f"{sent} of {len(due)} mails sent.")

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
