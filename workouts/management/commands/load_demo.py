import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from athletes.models import Athlete, Membership, Team, User, monday_of
from athletes.roster import import_roster
from workouts.models import Action, TrainingWeek, Workout, acting
from workouts.planning import schedule_for

PASSWORD = "on-the-track"
COACH = "coach@coachsite.example"
EXAMPLES = Path(settings.BASE_DIR) / "examples"
# The demo week: day and workout.
PLAN = [(1, "easy"), (2, "800s"), (3, "easy"), (4, "400s"), (5, "rest"), (6, "easy"), (7, "long")]


class Command(BaseCommand):
    help = "Load a demo team with invented athletes, unless there is a team already."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if Team.objects.exists():
            self.logins()
            return
        now = timezone.now()
        team = Team.objects.create(name="Demo Harriers", slug="demo")
        coach = self.account(COACH, "Demo coach")
        team.memberships.create(user=coach, role=Membership.Role.HEAD)
        roster, results = (EXAMPLES / f"{name}.csv" for name in ("roster", "results"))
        import_roster(team, roster.read_bytes(), results.read_bytes(), today=now.date())
        athlete = self.first_athlete(team)
        athlete.user = self.account(athlete.email, athlete.name)
        athlete.save(update_fields=["user"])
        monday = monday_of(now.date())
        for starts_on in (monday, monday + timedelta(days=7)):
            self.plan(team, starts_on)
        this_week = TrainingWeek.objects.get(athlete=athlete, starts_on=monday)
        this_week.publish(now=timezone.now(), by=coach)
        self.logins()

    def first_athlete(self, team: Team) -> Athlete:
        with (EXAMPLES / "roster.csv").open(encoding="utf-8") as file:
            email = next(csv.DictReader(file))["email"]
        return team.athletes.get(email__iexact=email)

    def account(self, email: str, name: str) -> User:
        user = User.objects.create_user(email, PASSWORD, name=name)
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        return user

    def plan(self, team: Team, starts_on: date) -> None:
        """Plan the demo week for all; an athlete with one track session a week has the first."""
        recipes = {workout.slug: workout for workout in Workout.objects.filter(team=None)}
        head = team.memberships.get(role=Membership.Role.HEAD).user
        with acting(team=team, by=head, path=Action.Path.COMMAND, label="Planned the demo week"):
            for weekday, slug in PLAN:
                recipe = recipes[slug]
                schedule_for(
                    team.athletes.all(),
                    starts_on=starts_on,
                    kind=recipe.kind,
                    weekday=weekday,
                    title=recipe.title,
                    notation=recipe.notation,
                    workout=recipe,
                )

    def logins(self) -> None:
        demo = Athlete.objects.filter(team__slug="demo", user__isnull=False).order_by("pk").first()
        if demo and demo.user and User.objects.filter(email=COACH).exists():
            self.stdout.write(f"Demo coach:   {COACH}  password: {PASSWORD}")
            self.stdout.write(f"Demo athlete: {demo.user.email}  password: {PASSWORD}")
