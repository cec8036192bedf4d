from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workouts.models import TrainingWeek


class Command(BaseCommand):
    help = "Count the weeks that hold more track sessions than they allow; exit 1 if there are any."

    def handle(self, *args: Any, **options: Any) -> None:
        over = list(TrainingWeek.objects.over_limit().select_related("athlete").order_by("pk"))
        for week in over:
            self.stderr.write(f"{week}: more than {week.track_limit} track sessions")
        verdict = f"{len(over)} of {TrainingWeek.objects.count()} athlete-weeks over the limit"
        if over:
            raise CommandError(verdict)
        self.stdout.write(verdict)
