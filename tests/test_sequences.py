"""Whatever two coaches do, one after the other: no week over its limit, no session lost.

`bench/sequences.py` runs many more of the same.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.week_machine import Planning
from workouts.models import Session, TrackLimitReached, TrainingWeek

FEW = settings(
    max_examples=30,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
# Until the first failure, the same each time, and not made smaller: that it fails is all we ask.
UNTIL_IT_FAILS = settings(
    FEW,
    max_examples=300,
    derandomize=True,
    report_multiple_bugs=False,
    phases=(Phase.generate,),
)


@pytest.mark.django_db
def test_whatever_two_coaches_do_the_rule_holds_and_nothing_is_lost():
    run_state_machine_as_test(Planning, settings=FEW)


@pytest.mark.django_db
def test_the_machine_notices_a_session_that_is_lost(monkeypatch):
    """Negative control: a move that drops the session must be caught."""

    def lose(self, session, *, weekday):
        Session.objects.filter(pk=session.pk).delete()

    monkeypatch.setattr(TrainingWeek, "move", lose)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Planning, settings=UNTIL_IT_FAILS)


@pytest.mark.django_db
def test_the_machine_notices_a_change_that_the_history_does_not_know(monkeypatch):
    """Negative control: a move past the history must be caught."""

    def past(self, session, *, weekday):
        if not Session.objects.filter(pk=session.pk, week=self).update(weekday=weekday):
            raise TrackLimitReached(self)

    monkeypatch.setattr(TrainingWeek, "move", past)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Planning, settings=UNTIL_IT_FAILS)
