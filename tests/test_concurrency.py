"""Six at once: whatever meets in one week, its limit holds and everybody gets a clear answer."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Barrier
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse

from athletes.models import Athlete, User
from tests.make import EASY, MONDAY, TRACK, make_athlete, make_session, make_team, make_week
from tests.racing import Meet, racing
from tests.test_weeks import RULES, constraints_of
from tests.track_race import (
    make_weeks,
    make_weeks_of,
    race_for_slots,
    track_sessions,
    weeks_broken_by_counting,
    without_the_rule,
)
from workouts import planning
from workouts.models import (
    Delivery,
    Kind,
    PublishedPlan,
    Session,
    TrackLimitReached,
    TrainingWeek,
)

pytestmark = pytest.mark.django_db(transaction=True)

RACERS = 6


@pytest.fixture(scope="module")
def racers(django_db_setup, django_db_blocker):
    """Six processes for all tests here: each start of Django costs the best part of a second."""
    with django_db_blocker.unblock(), racing(RACERS) as racers:
        yield racers


def same(share: object) -> list[object]:
    return [share] * RACERS


# The track slots ----------------------------------------------------------------------------------


def test_no_week_takes_a_third_track_session_whoever_comes_at_once_and_however(racers):
    tally = race_for_slots(racers, seed=random.randrange(1_000_000), weeks=200)
    print(tally)

    assert not tally.errors, "\n".join(tally.errors)
    assert (tally.attempts, tally.over_two, tally.over_limit) == (1200, 0, 0), tally
    assert tally.accepted + tally.refused == 1200
    assert not tally.unfilled, "\n".join(tally.unfilled)
    assert not TrainingWeek.objects.over_limit().exists()


def test_without_the_constraints_counting_first_breaks_weeks_and_the_check_finds_them(racers):
    weeks = make_weeks(20)
    with without_the_rule():
        broken = weeks_broken_by_counting(racers, weeks)
        checked = check_track_limit()
    print(f"without the constraints: {broken} of 20 weeks broken")

    assert broken
    assert checked.returncode == 1
    assert f"{broken} of 20 athlete-weeks over the limit" in checked.stderr
    assert constraints_of("workouts_session") >= RULES["workouts_session"]


def test_with_the_constraints_the_check_finds_no_week_over_the_limit(racers):
    race_for_slots(racers, seed=1, weeks=20)
    checked = check_track_limit()
    assert (checked.returncode, checked.stdout) == (0, "0 of 40 athlete-weeks over the limit\n")


def check_track_limit() -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, at the database of this test."""
    at = connection.settings_dict
    url = f"sqlite:///{at['NAME']}"
    if connection.vendor == "postgresql":
        who = f"{quote(at['USER'])}:{quote(at['PASSWORD'])}"
        url = f"postgres://{who}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    return subprocess.run(
        [sys.executable, "manage.py", "check_track_limit"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )


def test_a_session_that_changes_its_kind_while_it_is_moved_is_in_one_week_and_counted(racers):
    """One racer moves the easy runs, one puts them on the track; two more do the reverse."""
    weeks = make_weeks(30)
    make_weeks_of((week.athlete for week in weeks), later=1)
    easy = [week.schedule(weekday=2, **EASY).pk for week in weeks]
    track = [week.schedule(weekday=2, **TRACK).pk for week in weeks]
    shares = [(easy, None), (easy, Kind.TRACK), (track, None), (track, Kind.EASY)]
    wrong = racers.run(move_or_edit_all, *shares, *[([], None)] * (RACERS - len(shares)))

    assert not sum(wrong, [])
    assert all(tracks <= limit for limit, tracks in track_sessions().values())
    assert Session.objects.count() == 60
    assert not Session.objects.filter(week__in=weeks).exists()


def move_or_edit_all(racer: int, meet: Meet, share: tuple[list[int], str | None]) -> list[str]:
    """Give each session another kind, or move it to the next week; return what went wrong."""
    ids, kind = share
    wrong = []
    for pk in ids or [0] * 30:
        session = Session.objects.select_related("week").filter(pk=pk).first()
        later = TrainingWeek.objects.filter(starts_on__gt=MONDAY, athlete__weeks__sessions=pk)
        week = later.first()
        meet()
        if session and week:
            try:
                if kind:
                    session.week.edit(session, kind=kind)
                else:
                    week.move(session, weekday=5)
            except Session.DoesNotExist:
                assert kind  # the edit came after the move, and says so
            except Exception as error:
                wrong.append(repr(error))
    return wrong


def test_a_page_that_does_not_know_of_a_raised_limit_uses_it_all_the_same():
    for known, raised in ((0, 1), (1, 2)):
        week = make_week(athlete=make_athlete(team=make_team(slug=f"t{known}")), track_limit=known)
        for weekday in range(1, known + 1):
            make_session(week=week, weekday=weekday)
        stale = TrainingWeek.objects.get(pk=week.pk)
        week.set_track_limit(raised)
        stale.schedule(weekday=6, **TRACK)
        assert week.sessions.count() == raised


# Everybody at the same few weeks ------------------------------------------------------------------


def test_groups_and_single_athletes_in_opposite_orders_all_get_an_answer(racers):
    """Nobody has a week yet, so the weeks are opened in the race as well."""
    team = make_team()
    athletes = [make_athlete(team=team, name=f"Runner {number}") for number in range(8)]
    outcomes = racers.run(plan_group_or_singles, *same([athlete.pk for athlete in athletes]))

    assert not sum((wrong for wrong, _ in outcomes), [])
    assert TrainingWeek.objects.count() == 8 * 4
    assert {tracks for _, tracks in track_sessions().values()} == {2}
    assert sum(placed for _, placed in outcomes) == Session.objects.count()


def plan_group_or_singles(racer: int, meet: Meet, athlete_ids: list[int]) -> tuple[list[str], int]:
    """Odd racers add one session to the group, even ones to each athlete, last ones first."""
    athletes = list(Athlete.objects.filter(pk__in=athlete_ids).order_by("-pk"))
    wrong, placed = [], 0
    for turn in range(4):
        starts_on = MONDAY + timedelta(7 * turn)
        meet()
        try:
            if racer % 2:
                verdicts = planning.schedule_for(
                    athletes, starts_on=starts_on, weekday=racer, **(TRACK if racer < 4 else EASY)
                )
                placed += sum(verdict.session is not None for verdict in verdicts)
            else:
                for athlete in athletes:
                    placed += schedule_one(athlete, starts_on)
        except Exception as error:
            wrong.append(repr(error))
    return wrong, placed


def schedule_one(athlete: Athlete, starts_on: date) -> bool:
    try:
        TrainingWeek.objects.open_for(athlete, starts_on).schedule(weekday=4, **TRACK)
    except TrackLimitReached:
        return False
    return True


def test_limits_kinds_days_and_publications_of_the_same_weeks_at_once_do_not_block_each_other(
    racers, now
):
    """The deadlock hunt: each racer takes the weeks and their sessions in an order of its own."""
    weeks = make_weeks(2)
    for week in [*weeks, *make_weeks_of((week.athlete for week in weeks), later=1)]:
        make_session(week=week)
        for weekday in (3, 5):
            week.schedule(weekday=weekday, **EASY)
    seed = random.randrange(1_000_000)
    print(f"seed={seed}")
    wrong = sum(racers.run(do_anything, *same((seed, now))), [])

    assert not wrong, "\n".join(wrong)
    assert all(tracks <= limit for limit, tracks in track_sessions().values())


def do_anything(racer: int, meet: Meet, share: tuple[int, datetime]) -> list[str]:
    """Make 80 changes drawn by the seed, six at a time in one week; return what went wrong."""
    seed, now = share
    common, own = random.Random(seed), random.Random(seed + racer + 1)
    wrong = []
    for turn in range(80):
        week = common.choice(list(TrainingWeek.objects.select_related("athlete").order_by("pk")))
        session = own.choice(list(Session.objects.filter(week__athlete=week.athlete_id)))
        athletes = list(Athlete.objects.all())
        own.shuffle(athletes)
        kind = Kind.EASY if session.kind == Kind.TRACK else Kind.TRACK
        group = {"starts_on": week.starts_on}
        limit = partial(week.set_track_limit, own.randint(0, 2))
        edit = partial(session.week.edit, session, kind=kind)
        change = own.choice(
            [
                *[limit, limit, limit, edit, edit, edit],
                partial(week.move, session, weekday=own.randint(1, 7)),
                partial(move_off_the_track, week, session),
                partial(week.schedule, weekday=6, **own.choice([TRACK, EASY])),
                partial(planning.schedule_for, athletes, weekday=1, **group, **EASY),
                partial(week.publish, now=now + timedelta(minutes=turn)),
                partial(planning.publish_weeks, athletes, now=now, by=None, **group),
            ]
        )
        meet()
        try:
            change()
        except (TrackLimitReached, Session.DoesNotExist):
            pass  # refused in words: the week is full, or another racer took the session away
        except Exception as error:
            wrong.append(f"{change.func.__name__}: {error!r}")
    return wrong


def move_off_the_track(week: TrainingWeek, session: Session) -> None:
    """Do what the board does where the twin of a refused session is taken."""
    with transaction.atomic():
        TrainingWeek.objects.lock_in_order(session.week, week)
        session.week.edit(session, kind=Kind.INTERVALS, surface="ROAD")
        week.move(session, weekday=3)


# Plans and their mails ----------------------------------------------------------------------------


def test_publications_of_one_week_at_once_count_up_without_a_gap(racers, now):
    weeks = make_weeks(15)
    assert not sum(racers.run(add_and_publish, *same(([w.pk for w in weeks], now))), [])

    for week in weeks:
        plans = list(week.plans.select_related("delivery").order_by("revision"))
        assert [plan.revision for plan in plans] == list(range(1, len(plans) + 1))
        states = [plan.delivery.state for plan in plans]
        assert states == ["SKIPPED"] * (len(plans) - 1) + ["DUE"]
        assert len(plans) >= 2
        assert len(plans[-1].content["sessions"]) == 2 * RACERS


def add_and_publish(racer: int, meet: Meet, share: tuple[list[int], datetime]) -> list[str]:
    """Add a session and publish, twice for each week; return what went wrong."""
    week_ids, now = share
    wrong = []
    for week_id in week_ids:
        week = TrainingWeek.objects.select_related("athlete").get(pk=week_id)
        for turn in range(2):
            meet()
            try:
                week.schedule(weekday=racer + 1, **EASY)
                week.publish(now=now + timedelta(minutes=turn))
            except Exception as error:
                wrong.append(repr(error))
    return wrong


def test_a_group_publication_takes_back_nothing_that_was_published_meanwhile(racers, now):
    weeks = make_weeks(12)
    for week in weeks:
        week.schedule(weekday=7, **EASY)
    assert not sum(racers.run(publish_group_or_add, *same(([w.pk for w in weeks], now))), [])

    for week in weeks:
        revisions = [
            {session["id"] for session in plan.content["sessions"]}
            for plan in week.plans.order_by("revision")
        ]
        for earlier, later in zip(revisions, revisions[1:], strict=False):
            assert earlier <= later
        assert revisions[-1] == set(week.sessions.values_list("pk", flat=True))


def publish_group_or_add(racer: int, meet: Meet, share: tuple[list[int], datetime]) -> list[str]:
    """Two racers publish the group over and over; the others add a session and publish that week.

    The last ones start at the far end: the longer a group waits, the older is what it knows.
    """
    week_ids, now = share
    if racer < 2:
        athletes = list(Athlete.objects.filter(weeks__in=week_ids))
        meet()
        for turn in range(8):
            planning.publish_weeks(
                athletes, starts_on=MONDAY, now=now + timedelta(seconds=turn), by=None
            )
        return []
    mine = week_ids if racer < 4 else week_ids[::-1]
    weeks = [TrainingWeek.objects.select_related("athlete").get(pk=pk) for pk in mine]
    meet()
    for week in weeks:
        week.schedule(weekday=racer, **EASY)
        week.publish(now=now + timedelta(minutes=racer))
    return []


def test_a_due_delivery_is_claimed_by_exactly_one_worker(racers, now):
    ids = make_due_deliveries(100, now=now)
    claimed = Counter(sum(racers.run(claim_all, *same((ids, now))), []))
    assert claimed == Counter(ids)
    assert set(Delivery.objects.values_list("attempts", "state")) == {(1, "CLAIMED")}


def claim_all(racer: int, meet: Meet, share: tuple[list[int], datetime]) -> list[int]:
    ids, now = share
    claimed = []
    for delivery_id in ids:
        delivery = Delivery.objects.get(pk=delivery_id)
        meet()
        if delivery.claim(now=now):
            assert delivery.held().get() == delivery
            claimed.append(delivery_id)
    return claimed


def test_reading_and_then_saving_lets_two_workers_claim_one_delivery(racers, now):
    """The twin of the test above: without `claim` the race is really lost."""
    ids = make_due_deliveries(20, now=now)
    claimed = Counter(sum(racers.run(read_then_save_all, *same(ids)), []))
    assert set(claimed) == set(ids)
    assert max(claimed.values()) > 1


def read_then_save_all(racer: int, meet: Meet, ids: list[int]) -> list[int]:
    claimed = []
    for delivery_id in ids:
        meet()
        delivery = Delivery.objects.get(pk=delivery_id)
        if delivery.state == Delivery.State.DUE:
            time.sleep(0.005)
            delivery.state = Delivery.State.CLAIMED
            delivery.save()
            claimed.append(delivery_id)
    return claimed


def make_due_deliveries(count: int, *, now: datetime) -> list[int]:
    week = make_week()
    plans = PublishedPlan.objects.bulk_create(
        PublishedPlan(week=week, revision=revision, published_at=now, content={})
        for revision in range(1, count + 1)
    )
    due = [
        Delivery(
            plan=plan,
            due_at=now,
            not_after=now + timedelta(7),
            **Delivery.rule_of(plan.week.athlete),
        )
        for plan in plans
    ]
    return [delivery.pk for delivery in Delivery.objects.bulk_create(due)]


# Pages --------------------------------------------------------------------------------------------

CLIENTS = 8


def test_of_eight_coaches_who_add_to_one_empty_week_two_succeed_and_six_are_told_why(coach, team):
    """Twenty weeks, one after the other; none of them is there before the race opens it."""
    athletes = [make_athlete(team=team, name=f"Runner {number}") for number in range(20)]
    url = reverse("session_add", args=[team.slug, MONDAY])
    barrier = Barrier(CLIENTS, timeout=60)
    clients = [Client(raise_request_exception=False) for _ in range(CLIENTS)]
    for client in clients:
        client.force_login(coach)

    def post_all(client: Client) -> list[tuple[int, bool]]:
        try:
            answers = []
            for athlete in athletes:
                form = {"whom": f"athlete-{athlete.pk}", "weekday": 2, "kind": Kind.TRACK}
                barrier.wait()
                answer = client.post(url, form | {"notation": TRACK["notation"]})
                told = f"{athlete.name} may have two track sessions" in answer.content.decode()
                answers.append((answer.status_code, told))
            return answers
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(post_all, clients))

    for of_one_week in zip(*answers, strict=True):
        assert Counter(of_one_week) == {(302, False): 2, (422, True): 6}
    assert {tracks for _, tracks in track_sessions().values()} == {2}


def test_the_same_form_sent_eight_times_at_once_adds_one_session(coach, team):
    """A key of a form holds in the database, so with the cache of files and without any too."""
    athletes = [make_athlete(team=team, name=f"Runner {number}") for number in range(10)]
    url = reverse("session_add", args=[team.slug, MONDAY])
    barrier = Barrier(CLIENTS, timeout=60)
    clients = [Client(raise_request_exception=False) for _ in range(CLIENTS)]
    for client in clients:
        client.force_login(coach)
    easy = {"weekday": 2, "kind": Kind.EASY, "notation": "8km easy"}
    forms = [easy | {"whom": f"athlete-{one.pk}", "key": str(uuid4())} for one in athletes]

    def post_all(client: Client) -> list[int]:
        try:
            answers = []
            for form in forms:
                barrier.wait()
                answers.append(client.post(url, form).status_code)
            return answers
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(post_all, clients))

    # 409 for one that found the first at work, and came too late.
    assert {status for of_one in answers for status in of_one} <= {302, 409}
    assert Session.objects.count() == len(athletes)


def test_without_the_constraints_the_same_race_breaks_weeks(racers):
    """The negative control of the first race: same verbs, same moments, no rule in the database."""
    with without_the_rule():
        tally = race_for_slots(racers, seed=random.randrange(1_000_000), weeks=20)
    print(f"without the constraints: {tally}")
    assert tally.over_two


# Whole groups -------------------------------------------------------------------------------------


def test_a_group_is_planned_while_it_is_published_and_nobody_waits_for_ever(racers, team, coach):
    """Weeks whose ids run against those of the athletes: locks taken in two orders would meet."""
    athletes = [make_athlete(team=team, name=f"Runner {n:02}") for n in range(40)]
    for athlete in reversed(athletes):
        make_week(athlete=athlete).schedule(weekday=1, **EASY)
    work = [(team.pk, coach.pk, "publish")] * 2 + [(team.pk, coach.pk, "plan")] * (RACERS - 2)
    racers.run(plan_or_publish, *work)
    assert Session.objects.count() == 40 + 40 * 4 * (RACERS - 2)
    # What was published last holds a whole state of each week, and is what is mailed.
    latest = PublishedPlan.objects.latest_revisions().filter(week__starts_on=MONDAY)
    assert latest.count() == 40
    waiting = Delivery.objects.exclude(state="SKIPPED")
    assert set(waiting.values_list("plan", flat=True)) == set(latest.values_list("pk", flat=True))


def plan_or_publish(racer: int, meet: Meet, share: tuple[int, int, str]) -> None:
    team_id, coach_id, what = share
    athletes = Athlete.objects.filter(team=team_id)
    meet()
    for turn in range(4):
        if what == "plan":
            verdicts = planning.schedule_for(athletes, starts_on=MONDAY, weekday=2 + turn, **EASY)
            assert all(verdict.session for verdict in verdicts)
        else:
            now = datetime(2026, 11, 25, 12, turn, racer, tzinfo=UTC)
            planning.publish_weeks(athletes, starts_on=MONDAY, now=now, by=User(pk=coach_id))


def test_two_coaches_who_open_the_same_new_week_make_it_once_in_the_history_too(racers, athlete):
    racers.run(plan_new_weeks, *same(athlete.pk))
    weeks = TrainingWeek.objects.filter(athlete=athlete)
    assert weeks.count() == 20
    assert Session.objects.count() == 20 * RACERS
    created = TrainingWeek.history.filter(history_type="+").values_list("id", flat=True)
    assert sorted(created) == sorted(weeks.values_list("pk", flat=True))


def plan_new_weeks(racer: int, meet: Meet, athlete_id: int) -> None:
    athlete = Athlete.objects.get(pk=athlete_id)
    for number in range(20):
        meet()
        starts_on = MONDAY + timedelta(weeks=number)
        planning.schedule_for([athlete], starts_on=starts_on, weekday=1 + racer, **EASY)
