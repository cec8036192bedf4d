from typing import Any

from django.core.management.base import BaseCommand

from workouts.models import SeasonPlan, Workout


class Command(BaseCommand):
    help = (
        "Write the common library of workouts and the ready plans, or bring them up to date; run "
        "it after migrate."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = Workout.objects.load_library()
        plans = SeasonPlan.objects.load_ready_plans()
        self.stdout.write(f"The common library holds {loaded} workouts and {plans} plans.")
