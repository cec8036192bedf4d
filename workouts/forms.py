"""What coaches and athletes type about sessions, checked and turned into domain values."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms

from athletes.forms import ClockField, LineField, OwnedForm
from athletes.models import (
    LAP_M,
    LIMIT_IS_0_TO_2,
    Athlete,
    AthleteQuerySet,
    MailKind,
    Team,
    Weekday,
)
from workouts.diary import FIRST_DAY, LAST_DAY
from workouts.models import Acceptance, Kind, Phase, Result, Session, Surface, TrainingWeek, Workout
from workouts.models.library import validate_notation
from workouts.prescriptions import summary

# What a coach may say of a session beside what is run.
DETAILS = ("surface", "lap_m", "starts_at", "place", "note")


class DayField(forms.DateField):
    """A day whose week has a page."""

    default_error_messages = {"invalid": "Write the day as 2026-11-30."}

    def clean(self, value: Any) -> date | None:
        on: date | None = super().clean(value)
        if on is not None and not FIRST_DAY <= on <= LAST_DAY:
            raise forms.ValidationError("Write a day from 2000 to 2099.")
        return on


class NotationField(forms.CharField):
    """Lines of the notation. A browser ends them with CRLF, which is no change of a workout."""

    widget = forms.Textarea
    default_validators = [validate_notation]

    def to_python(self, value: Any) -> str:
        return "\n".join(str(super().to_python(value)).splitlines())


class WorkoutForm(OwnedForm):
    owner = "team"
    told_at = "title"

    class Meta:
        model = Workout
        fields = ["title", "kind", "level", "purpose", "notation"]
        field_classes = {"title": LineField, "notation": NotationField}
        widgets = {"notation": forms.Textarea(attrs={"rows": 6, "class": "notation"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        level: Any = self.fields["level"]
        level.choices = [("", "Every level"), *Athlete.Level.choices]


class LibraryFilter(forms.Form):
    """What a coach looks for in the library; what cannot be read is as if it were not there."""

    words = forms.CharField(label="Search", required=False, max_length=80)
    kind = forms.ChoiceField(choices=[("", "All kinds"), *Kind.choices], required=False)
    level = forms.ChoiceField(choices=[("", "All levels"), *Athlete.Level.choices], required=False)
    archived = forms.BooleanField(label="Archived too", required=False)

    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        return {"words": "", "kind": "", "level": "", "archived": False} | self.cleaned_data


Choices = list[tuple[str, str]]


def squad_choices(team: Team) -> tuple[Choices, Choices]:
    """Return the groups and the athletes of a team as a select offers them: group-3, athlete-12."""
    groups = team.groups.order_by("name").values_list("pk", "name")
    athletes = team.athletes.order_by("name", "pk").values_list("pk", "name")
    return (
        [(f"group-{pk}", name) for pk, name in groups],
        [(f"athlete-{pk}", name) for pk, name in athletes],
    )


def squad_named(team: Team, whom: str) -> AthleteQuerySet:
    """Return the athletes that one of the `squad_choices` names, all for any other word."""
    sort, _, pk = whom.partition("-")
    athletes: AthleteQuerySet = Athlete.objects.filter(team=team)
    if sort == "group":
        return athletes.filter(groups=int(pk))
    return athletes.filter(pk=int(pk)) if sort == "athlete" else athletes


class SessionForm(forms.Form):
    """A new session: for whom, on which day, and a library workout or a line of notation."""

    whom = forms.ChoiceField(label="For")
    weekday = forms.TypedChoiceField(label="Day", choices=Weekday.choices, coerce=int)
    workout = forms.ModelChoiceField(Workout.objects.none(), required=False, empty_label="")
    notation = NotationField(
        label="Or write your own",
        required=False,
        max_length=4000,
        widget=forms.Textarea(
            attrs={"rows": 3, "class": "notation", "placeholder": "6 x 800 @ 5k, jog 200"}
        ),
    )
    kind = forms.ChoiceField(
        label="Kind of your own", choices=[("", ""), *Kind.choices], required=False
    )
    surface = forms.ChoiceField(
        label="Where", choices=[("", "Anywhere"), *Surface.choices], required=False
    )
    lap_m = forms.FloatField(
        label="Lap (m)", required=False, min_value=LAP_M[0], max_value=LAP_M[1]
    )
    starts_at = forms.TimeField(
        label="Time",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}),
        error_messages={"invalid": "Write the time of day as 18:30."},
    )
    place = LineField(required=False, max_length=120)
    note = forms.CharField(
        label="Note to the athlete",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team
        whom: Any = self.fields["whom"]
        groups, athletes = squad_choices(team)
        whom.choices = [
            ("Groups", [("everyone", "Everyone in the team"), *groups]),
            ("Athletes", athletes),
        ]
        workout: Any = self.fields["workout"]
        workout.queryset = Workout.objects.of_team(team).current().order_by("kind", "title")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        workout, notation = cleaned.get("workout"), cleaned.get("notation")
        if "notation" in self.errors or "workout" in self.errors:
            return cleaned
        if bool(workout) == bool(notation):
            raise forms.ValidationError("Choose a workout of the library, or write one; not both.")
        if notation and not cleaned.get("kind"):
            self.add_error("kind", "Say what kind of session it is: only track sessions count.")
        return cleaned

    def athletes(self) -> Any:
        """Return the athletes that the coach chose, or those of them who are left over.

        Once some have the session, `only` names the others: "12,15". What cannot be read in it
        names nobody, and an id of another team is not among the chosen.
        """
        athletes = squad_named(self.team, self.cleaned_data["whom"])
        if self.data.get("only"):
            athletes = athletes.filter(pk__in=numbers(self.data["only"]))
        return athletes.select_related("team").prefetch_related("pauses").with_paces()

    @property
    def is_for_one(self) -> bool:
        return str(self.cleaned_data["whom"]).startswith("athlete-")

    @property
    def ticked(self) -> list[str]:
        """Return the reasons for which nobody is to be left out."""
        data: Any = self.data
        return list(data.getlist("include")) if self.is_bound else []

    @property
    def twins(self) -> set[int]:
        """Return the ids of those who are to run it off the track, by its button: "12,15"."""
        return numbers(self.data.get("twin", ""))

    @property
    def elsewhere(self) -> tuple[int, date]:
        """Return the id of one athlete and another day for the session: "12 2026-12-08".

        Where there is none, or it cannot be read, the id is 0.
        """
        pk, _, day = self.data.get("day", "").partition(" ")
        try:
            return max(numbers(pk), default=0), date.fromisoformat(day)
        except ValueError:
            return 0, date.min

    def session(self) -> dict[str, Any]:
        """Return what `TrainingWeek.schedule` takes."""
        data, workout = self.cleaned_data, self.cleaned_data["workout"]
        notation = workout.notation if workout else data["notation"]
        return {
            "workout": workout,
            "kind": workout.kind if workout else data["kind"],
            "title": workout.title if workout else summary(notation).title[:80],
            "notation": notation,
            **{name: data[name] for name in ("weekday", *DETAILS)},
        }


def numbers(text: str) -> set[int]:
    """Read ids as a button carries them, "12,15"; what is none is left out."""
    parts = (part for part in text.split(",") if part.isascii() and part.isdigit())
    return {int(part) for part in parts if len(part) < 19}


class SessionEditForm(forms.ModelForm):
    class Meta:
        model = Session
        fields = ["kind", "title", "notation", *DETAILS]
        field_classes = {"title": LineField, "place": LineField, "notation": NotationField}
        labels = {"surface": "Where", "lap_m": "Lap (m)"}
        widgets = {
            "notation": forms.Textarea(attrs={"rows": 5, "class": "notation"}),
            "starts_at": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "note": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        surface: Any = self.fields["surface"]
        surface.choices = [("", "Anywhere"), *Surface.choices]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        becomes_track = cleaned.get("kind") == Kind.TRACK != self.initial["kind"]
        if becomes_track and cleaned.get("surface") not in ("", Surface.TRACK):
            self.add_error("surface", "A track session is run on the track: choose Track here too.")
        return cleaned

    def _post_clean(self) -> None:
        """Leave the row alone: `TrainingWeek.edit` writes it, and the database checks it."""


class WeekForm(forms.ModelForm):
    """What a coach says of one week: the track sessions it may have, a word to the athlete."""

    track_limit = forms.TypedChoiceField(
        label="Track sessions allowed",
        choices=[(2, "2"), (1, "1"), (0, "0")],
        coerce=int,
        error_messages={"invalid_choice": LIMIT_IS_0_TO_2, "required": LIMIT_IS_0_TO_2},
    )

    class Meta:
        model = TrainingWeek
        fields = ["track_limit", "phase", "note"]
        labels = {
            "phase": "Phase",
            "note": "A word on the week",
        }
        widgets = {
            "note": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        phase: Any = self.fields["phase"]
        phase.choices = [("", "None"), *Phase.choices]
        for field in self.fields.values():
            # What the page showed comes back with what was typed: a limit that changed meanwhile
            # is not set back by somebody who only wrote a note.
            field.show_hidden_initial = True

    def _post_clean(self) -> None:
        """Leave the row alone: the verbs of `TrainingWeek` write it."""


class AcceptanceForm(forms.ModelForm):
    class Meta:
        model = Acceptance
        fields = ["key", "reason"]


class MoveForm(forms.Form):
    on = DayField(
        label="Move to", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class ResultForm(forms.ModelForm):
    """How a session went, with a box for each rep's time."""

    class Meta:
        model = Result
        fields = ["outcome", "rpe", "comment"]
        widgets = {
            "outcome": forms.RadioSelect,
            "rpe": forms.NumberInput(attrs={"min": 1, "max": 10, "inputmode": "numeric"}),
            "comment": forms.Textarea(attrs={"rows": 2}),
        }
        labels = {"rpe": "Effort (RPE 1 to 10)"}

    def __init__(self, *args: Any, reps: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        measured = {}
        if self.instance.pk:
            measured = dict(self.instance.splits.values_list("rep_index", "time_s"))
        self.reps = reps
        for rep in reps:
            self.fields[f"split_{rep['rep']}"] = ClockField(
                label=f"Rep {rep['rep']}", required=False, initial=measured.get(rep["rep"])
            )

    def rows(self) -> list[tuple[dict[str, Any], Any]]:
        """Return each rep with the field that takes its time."""
        return [(rep, self[f"split_{rep['rep']}"]) for rep in self.reps]

    def splits(self) -> list[Any]:
        """Return the seconds rep by rep, None where none was typed."""
        return [self.cleaned_data.get(f"split_{rep['rep']}") for rep in self.reps]


class CannotForm(forms.Form):
    """Why an athlete cannot train: the coach reads it beside the session."""

    reason = forms.CharField(
        label="Why not?",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Tell your coach in a word or two why not."},
    )


class MailForm(forms.Form):
    """The kinds of mail that an athlete wants."""

    kinds = forms.MultipleChoiceField(
        label="Send me",
        choices=MailKind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class PublishForm(forms.Form):
    """How far ahead to publish: the week itself, or up to eight more with it."""

    ahead = forms.TypedChoiceField(
        label="Weeks",
        coerce=int,
        required=False,
        empty_value=0,  # type: ignore[arg-type]  # the stubs know of texts only
        choices=[
            (0, "This week"),
            (1, "This week and the next"),
            *((weeks, f"This week and the next {weeks}") for weeks in range(2, 9)),
        ],
        error_messages={"invalid_choice": "Publish this week and at most eight more with it."},
    )
