"""What is run, when, and how it went: the library, weeks, plans with their deliveries, results."""

from workouts.models.library import Workout
from workouts.models.plans import Delivery, Heartbeat, PublishedPlan
from workouts.models.results import Result, Split
from workouts.models.weeks import Kind, ResultLogged, Session, TrackLimitReached, TrainingWeek

__all__ = [
    "Delivery",
    "Heartbeat",
    "Kind",
    "PublishedPlan",
    "Result",
    "ResultLogged",
    "Session",
    "Split",
    "TrackLimitReached",
    "TrainingWeek",
    "Workout",
]
