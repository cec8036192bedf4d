"""Builders of rows: keyword-only, each with defaults that a test need not state."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from athletes.models import Athlete, Group, Membership, RacePerformance, Team, User
from workouts.models import Kind, PublishedPlan, Session, TrainingWeek

MONDAY = date(2026, 11, 30)

EASY = {"kind": Kind.EASY, "title": "Easy run", "notation": "8km easy"}
TRACK = {"kind": Kind.TRACK, "title": "6 × 800 m", "notation": "6 x 800 @ 5k, jog 200"}


def make_user(*, email: str = "coach@club.example", name: str = "", password: str = "") -> User:
    """A user whose address is confirmed; without a password, one that cannot sign in."""
    user = User(email=email, name=name or email.partition("@")[0].capitalize())
    if password:
        # One round: quick here, and known to a web server with the real settings too.
        user.password = PBKDF2PasswordHasher().encode(password, "salt", iterations=1)
    else:
        user.set_unusable_password()
    user.save()
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user


def make_team(*, coach: User | None = None, slug: str = "harriers", name: str = "") -> Team:
    team = Team.objects.create(slug=slug, name=name or slug.capitalize())
    if coach:
        team.memberships.create(user=coach, role=Membership.Role.HEAD)
    return team


def make_athlete(*, team: Team | None = None, name: str = "Ana Sousa", **more: Any) -> Athlete:
    more.setdefault("email", f"{name.lower().replace(' ', '.')}@club.example")
    more.setdefault("time_zone", "Europe/London")
    return Athlete.objects.create(team=team or make_team(), name=name, **more)


def make_group(*athletes: Athlete, team: Team, name: str = "Tuesday track") -> Group:
    group = Group.objects.create(team=team, name=name)
    group.athletes.add(*athletes)
    return group


def make_race(
    *,
    athlete: Athlete,
    distance_m: int | str = 5000,
    time_s: int | str = 1320,
    raced_on: date | None = date(2026, 11, 1),
) -> RacePerformance:
    return athlete.races.create(
        distance_m=Decimal(distance_m), time_s=Decimal(time_s), raced_on=raced_on
    )


def make_week(
    *, athlete: Athlete | None = None, starts_on: date = MONDAY, track_limit: int = 2
) -> TrainingWeek:
    return TrainingWeek.objects.create(
        athlete=athlete or make_athlete(), starts_on=starts_on, track_limit=track_limit
    )


def make_session(*, week: TrainingWeek, weekday: int = 2, **more: Any) -> Session:
    return week.schedule(weekday=weekday, **(TRACK | more))


def make_full_week(**more: Any) -> TrainingWeek:
    """A week with two track sessions, Tuesday and Thursday."""
    week = make_week(**more)
    make_session(week=week, weekday=2)
    make_session(week=week, weekday=4, title="Pyramid")
    return week


def make_plan(*, now: datetime, week: TrainingWeek | None = None, **more: Any) -> PublishedPlan:
    if week is None:
        week = make_week(**more)
        make_session(week=week)
        week.schedule(weekday=3, **EASY)
    return week.publish(now=now)
