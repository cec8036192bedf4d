from typing import Any

from django.core.management.base import BaseCommand

from workouts.models import Workout


class Command(BaseCommand):
    help = "Write the common library of workouts, or bring it up to date; run it after migrate."

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = Workout.objects.load_library()
        self.stdout.write(f"The common library holds {loaded} workouts.")
