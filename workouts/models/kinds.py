"""What sorts of session there are, where they are run, and which of them the track limit counts."""

from typing import Final

from django.db import models
from django.db.models import F, Q

from workouts.prescriptions import summary
from workouts.spacing import FAST_KINDS


class Kind(models.TextChoices):
    """What sort of session it is; TRACK takes a track slot, others only on the track."""

    EASY = "EASY", "Easy run"
    LONG = "LONG", "Long run"
    TEMPO = "TEMPO", "Tempo"
    THRESHOLD = "THRESHOLD", "Lactate threshold"
    PROGRESSION = "PROGRESSION", "Progression run"
    FARTLEK = "FARTLEK", "Fartlek"
    TRACK = "TRACK", "Track session"
    INTERVALS = "INTERVALS", "Road intervals"
    RACE = "RACE", "Race"
    STRENGTH = "STRENGTH", "Strength"
    CROSS = "CROSS", "Cross-training"
    REST = "REST", "Rest"

    @property
    def letter(self) -> str:
        """One letter for the board, different for each kind."""
        letters = {"TRACK": "T", "TEMPO": "M", "THRESHOLD": "H", "CROSS": "X", "REST": "–"}
        return letters.get(self.value, self.value[0])


class Surface(models.TextChoices):
    """Where a session is run; "" leaves it to the athlete."""

    TRACK = "TRACK", "Track"
    ROAD = "ROAD", "Road"
    TRAIL = "TRAIL", "Trail"
    GRASS = "GRASS", "Grass"
    TREADMILL = "TREADMILL", "Treadmill"


class Phase(models.TextChoices):
    """Where in the training cycle a week lies."""

    BASE = "BASE", "Base"
    BUILD = "BUILD", "Build"
    PEAK = "PEAK", "Peak"
    TAPER = "TAPER", "Taper"
    RACE = "RACE", "Race week"
    RECOVERY = "RECOVERY", "Recovery"


# Kinds faster than easy. One of them on the track is a track session, whatever it is called.
FAST: Final = tuple(kind for kind in Kind if kind in FAST_KINDS)


def on_track(path: str = "") -> Q:
    """Return the condition that sessions take a track slot; `path` leads to them: `sessions__`."""
    on_the_track = {f"{path}kind__in": FAST, f"{path}surface": Surface.TRACK}
    return Q(**{f"{path}kind": Kind.TRACK}) | Q(**on_the_track)


ON_TRACK: Final = on_track()


def counts(kind: str, surface: str) -> bool:
    """Return whether such a session takes one of the week's track slots; `on_track` in Python."""
    return kind == Kind.TRACK or (kind in FAST and surface == Surface.TRACK)


def slot_within_limit(*, name: str, words: str) -> models.CheckConstraint:
    """Return the constraint that what counts holds a slot from 1 to its limit, and nothing else."""
    # isnull=False beside the range: in SQL a check whose answer is unknown passes.
    holds = Q(track_slot__isnull=False, track_slot__gte=1) & Q(track_slot__lte=F("track_limit"))
    return models.CheckConstraint(
        condition=(ON_TRACK & holds) | (~ON_TRACK & Q(track_slot__isnull=True)),
        name=name,
        violation_error_message=words,
    )


def settle(kind: str, surface: str, notation: str) -> tuple[str, str]:
    """Return kind and surface as they belong together.

    A track session is run on the track; taken off it, it is road intervals. What is run on the
    track with a rep faster than easy is a track session, though it be called an easy run.
    """
    if kind == Kind.TRACK:
        return (kind, Surface.TRACK) if surface in ("", Surface.TRACK) else ("INTERVALS", surface)
    if surface == Surface.TRACK and kind not in FAST and summary(notation).has_fast:
        return Kind.TRACK, surface
    return kind, surface
