"""Two teams side by side, for tests of who may see what: each holds words the other must not see.

Everything that a person of the Harriers wrote holds the word in `HARRIERS`, all that a person of
the Rivals wrote the word in `RIVALS`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from athletes.models import (
    Athlete,
    Group,
    Invitation,
    Membership,
    PaceOverride,
    Pause,
    RacePerformance,
    Team,
    User,
    monday_of,
)
from tests.make import make_athlete, make_group, make_race, make_team, make_user
from workouts.mail_links import Purpose, calendar_token, session_token, unsubscribe_token
from workouts.models import (
    Action,
    Enrolment,
    Result,
    SeasonPlan,
    Session,
    TrainingWeek,
    Workout,
    acting,
)

HARRIERS = "sparrowhawk"
RIVALS = "kingfisher"
PASSWORD = "on-the-track"

# One for all: a handler of its own would read all static files anew for each client.
HANDLER = ClientHandler(enforce_csrf_checks=False)
STRICT_HANDLER = ClientHandler(enforce_csrf_checks=True)


@dataclass
class Side:
    """One team with all that it may have."""

    team: Team
    coach: User
    athlete: Athlete
    mate: Athlete
    newcomer: Athlete
    group: Group
    race: RacePerformance
    override: PaceOverride
    workout: Workout
    monday: date
    week: TrainingWeek
    session: Session
    draft: Session
    result: Result
    pause: Pause
    plan: SeasonPlan
    enrolment: Enrolment
    invitation: Invitation
    token: str
    mail_tokens: dict[str, str]


@dataclass
class World:
    harriers: Side
    rivals: Side
    people: dict[str, User | None] = field(default_factory=dict)

    def client(self, person: str, *, strict: bool = False) -> Client:
        """Return the browser of one of `people`, logged in; `strict` asks for CSRF tokens."""
        client = browser(strict=strict)
        user = self.people[person]
        if user:
            client.force_login(user)
        return client


def browser(*, strict: bool = False) -> Client:
    """Return a browser of nobody, which shows a fault of the site as its visitors get it: 500."""
    client = Client(raise_request_exception=False)
    client.handler = STRICT_HANDLER if strict else HANDLER
    return client


def make_side(*, slug: str, word: str, lap: int) -> Side:
    """Build a team; `lap` is a rep length that occurs nowhere else, to know its notation by."""
    now = timezone.now()
    monday = monday_of(now.date())

    def person(name: str) -> User:
        return make_user(
            email=f"{name.lower()}@{word}.example", name=f"{name} {word}", password=PASSWORD
        )

    def runner(name: str, **more: Any) -> Athlete:
        email = f"{name.lower()}@{word}.example"
        return make_athlete(
            team=team, name=f"{name} {word}", email=email, time_zone="UTC", send_weekday=1, **more
        )

    coach = person("Carla")
    team = make_team(coach=coach, slug=slug, name=f"{slug} {word}")
    athlete = runner("Ana", user=person("Ana"))
    mate = runner("Bea", user=person("Bea"))
    newcomer = runner("Cleo")
    workout = Workout.objects.create(
        team=team,
        title=f"Hills {word}",
        purpose=f"For {word}",
        notation=f"7 x {lap} @ 5k, jog 200",
    )
    week = TrainingWeek.objects.create(
        athlete=athlete, starts_on=monday, track_limit=2, note=f"Week of {word}"
    )
    session = week.schedule(
        kind="TRACK",
        weekday=now.isoweekday(),
        title=f"Laps {word}",
        notation=workout.notation,
        workout=workout,
        place=f"Stadium {word}",
        note=f"Bring spikes {word} for-ana-alone-{word}",
    )
    spare = week.schedule(kind="EASY", weekday=7, title=f"Jog {word}", notation="8km easy")
    week.publish(now=now, by=coach)
    later = TrainingWeek.objects.create(
        athlete=athlete, starts_on=monday + timedelta(days=7), track_limit=2
    )
    draft = later.schedule(
        kind="EASY", weekday=2, title=f"Draft {word}", notation="9km easy", note="a-draft-only"
    )
    with acting(team=team, by=coach, path=Action.Path.BOARD, label=f"Draft {word} moved"):
        later.move(draft, weekday=3)
    result = Result.objects.log(
        spare,
        outcome="DONE",
        rpe=4,
        comment=f"Felt {word} for-ana-alone-{word}",
        splits=[],
        by=coach,
        now=now,
    )
    invitation, token = newcomer.invite(by=coach, now=now)
    plan = SeasonPlan.objects.create(team=team, title=f"Spring {word}", purpose=f"For {word}")
    plan.set_weeks(2)
    strides = {"kind": "EASY", "surface": "", "title": f"Strides {word}", "notation": "7km easy"}
    for season_week in plan.weeks.all():
        season_week.fill([strides | {"weekday": 5}], phase="BASE", track_limit=2)
    return Side(
        team=team,
        coach=coach,
        athlete=athlete,
        mate=mate,
        newcomer=newcomer,
        group=make_group(athlete, mate, team=team, name=f"Tuesday {word}"),
        race=make_race(athlete=athlete, raced_on=None),
        override=athlete.override_pace(
            "threshold",
            low=Decimal(245),
            high=Decimal(245),
            reason=f"Heavy legs {word} for-ana-alone-{word}",
            by=coach,
            now=now,
        ),
        workout=workout,
        monday=monday,
        week=week,
        session=session,
        draft=draft,
        result=result,
        # Long over, so that it changes no limit.
        pause=athlete.pauses.create(
            starts_on=date(2026, 1, 5),
            ends_on=date(2026, 1, 9),
            note=f"Sore knee {word} for-ana-alone-{word}",
        ),
        plan=plan,
        # Begun by no action, and with no session yet.
        enrolment=plan.enrolments.create(
            athlete=athlete, starts_on=monday - timedelta(weeks=1), given={}
        ),
        invitation=invitation,
        token=token,
        mail_tokens=tokens_of(session, athlete),
    )


def tokens_of(session: Session, athlete: Athlete) -> dict[str, str]:
    """Return the tokens of an athlete, by what each is for."""
    week_ends = timezone.now() + timedelta(days=7)
    ids = {"session_id": session.pk, "email": athlete.email, "week_ends": week_ends}
    tokens = {str(one): session_token(one, **ids) for one in Purpose}
    return tokens | {
        "unsubscribe": unsubscribe_token(athlete_id=athlete.pk, kind="PLAN", email=athlete.email),
        "calendar": calendar_token(athlete_id=athlete.pk, key=athlete.calendar_key),
    }


def make_world() -> World:
    """Build both teams and the people who look at them."""
    harriers = make_side(slug="harriers", word=HARRIERS, lap=813)
    rivals = make_side(slug="rivals", word=RIVALS, lap=817)
    assistant = make_user(
        email=f"assi@{HARRIERS}.example", name=f"Assi {HARRIERS}", password=PASSWORD
    )
    harriers.team.memberships.create(user=assistant, role=Membership.Role.ASSISTANT)
    staff = make_user(email="staff@coachsite.example", name="Staff", password=PASSWORD)
    User.objects.filter(pk=staff.pk).update(is_staff=True, is_superuser=True)
    people = {
        "nobody": None,
        "coach": harriers.coach,
        "assistant": assistant,
        "athlete": harriers.athlete.user,
        "mate": harriers.mate.user,
        "rival_coach": rivals.coach,
        "rival_athlete": rivals.athlete.user,
        "staff": staff,
    }
    return World(harriers, rivals, people)
