"""What coaches and athletes type about sessions, checked and turned into domain values."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms

from athletes.forms import ClockField, OwnedForm
from athletes.models import LAP_M, Athlete, Team, Weekday
from workouts.models import Acceptance, Kind, Result, Session, Surface, TrainingWeek, Workout
from workouts.models.library import validate_notation
from workouts.prescriptions import summary

# What a coach may say of a session beside what is run.
DETAILS = ("surface", "lap_m", "starts_at", "place", "note")


class WorkoutForm(OwnedForm):
    owner = "team"
    told_at = "title"

    class Meta:
        model = Workout
        fields = ["title", "kind", "level", "purpose", "notation"]
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


class SessionForm(forms.Form):
    """A new session: for whom, on which day, and a library workout or a line of notation."""

    whom = forms.ChoiceField(label="For")
    weekday = forms.TypedChoiceField(label="Day", choices=Weekday.choices, coerce=int)
    workout = forms.ModelChoiceField(Workout.objects.none(), required=False, empty_label="")
    notation = forms.CharField(
        label="Or write your own",
        required=False,
        max_length=4000,
        validators=[validate_notation],
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
    place = forms.CharField(required=False, max_length=120)
    note = forms.CharField(
        label="Note to the athlete",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team
        groups = [(f"group-{group.pk}", group.name) for group in team.groups.order_by("name")]
        athletes = [
            (f"athlete-{pk}", name)
            for pk, name in team.athletes.order_by("name", "pk").values_list("pk", "name")
        ]
        whom: Any = self.fields["whom"]
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
        """Return the athletes that the coach chose."""
        sort, _, pk = self.cleaned_data["whom"].partition("-")
        athletes = Athlete.objects.filter(team=self.team)
        if sort == "group":
            return athletes.filter(groups=pk)
        return athletes.filter(pk=pk) if sort == "athlete" else athletes

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


class SessionEditForm(forms.ModelForm):
    class Meta:
        model = Session
        fields = ["kind", "title", "notation", *DETAILS]
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

    def clean_notation(self) -> str:
        notation: str = self.cleaned_data["notation"]
        validate_notation(notation)
        return notation

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        of_kind = Kind.TRACK in (cleaned.get("kind"), self.initial["kind"])
        if of_kind and "kind" in self.changed_data and "surface" not in self.changed_data:
            cleaned.pop("surface", None)  # it came with the kind, and goes with it
        return cleaned

    def _post_clean(self) -> None:
        """Leave the row alone: `TrainingWeek.edit` writes it, and the database checks it."""


class WeekForm(forms.ModelForm):
    """What a coach says of one week: the track sessions it may have, a word to the athlete."""

    class Meta:
        model = TrainingWeek
        fields = ["track_limit", "phase", "note"]
        labels = {
            "track_limit": "Track sessions allowed",
            "phase": "Phase",
            "note": "A word on the week",
        }
        widgets = {
            "track_limit": forms.Select(choices=[(2, "2"), (1, "1"), (0, "0")]),
            "note": forms.Textarea(attrs={"rows": 2}),
        }

    def _post_clean(self) -> None:
        """Leave the row alone: the verbs of `TrainingWeek` write it."""


class AcceptanceForm(forms.ModelForm):
    class Meta:
        model = Acceptance
        fields = ["key", "reason"]


class MoveForm(forms.Form):
    on = forms.DateField(
        label="Move to",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the day as 2026-11-30."},
    )

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        # The Mondays that have a page, see MondayConverter.
        if not date(2000, 1, 3) <= on <= date(2100, 1, 3):
            raise forms.ValidationError("Write a day from 2000 to 2099.")
        return on


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
