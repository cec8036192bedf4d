"""What is run, when, and how it went: the library, weeks, plans with their deliveries, results."""

from workouts.models.digests import Digest
from workouts.models.history import Action, acting, relabel
from workouts.models.kinds import FAST, Kind, Phase, Surface, counts
from workouts.models.library import Workout
from workouts.models.plans import Delivery, Heartbeat, PublishedPlan, SentMail
from workouts.models.results import Result, Split
from workouts.models.seasons import (
    Enrolment,
    EnrolmentSession,
    PlanEdit,
    SeasonPlan,
    SeasonSession,
    SeasonWeek,
    SeasonWeekChanged,
    SeasonWeekFull,
    WeeksInUse,
)
from workouts.models.sessions import ResultLogged, Session
from workouts.models.weeks import Acceptance, TrackLimitReached, TrainingWeek

__all__ = [
    "FAST",
    "Acceptance",
    "Action",
    "Delivery",
    "Digest",
    "Enrolment",
    "EnrolmentSession",
    "Heartbeat",
    "Kind",
    "Phase",
    "PlanEdit",
    "PublishedPlan",
    "Result",
    "ResultLogged",
    "SeasonPlan",
    "SeasonSession",
    "SeasonWeek",
    "SeasonWeekChanged",
    "SeasonWeekFull",
    "SentMail",
    "Session",
    "Split",
    "Surface",
    "TrackLimitReached",
    "TrainingWeek",
    "WeeksInUse",
    "Workout",
    "acting",
    "counts",
    "relabel",
]
