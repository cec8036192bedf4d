"""What a coach types or drops on the week board: days, receivers, one line of a workout."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from athletes.models import Athlete, Team, Weekday, monday_of
from workouts.diary import LAST_DAY
from workouts.forms import DayField, NotationField, squad_choices, squad_named
from workouts.models import Kind, Session, Workout
from workouts.models.library import validate_notation
from workouts.prescriptions import summary

WEEKS_AHEAD = 12


class WhomField(forms.ChoiceField):
    """One athlete of a team, a group, or everyone; see `receivers`."""

    def offer(self, team: Team, first: str) -> None:
        groups, athletes = squad_choices(team)
        self.choices = [
            ("", first),
            ("Groups", [*groups, ("everyone", "Everyone in the team")]),
            ("Athletes", athletes),
        ]


def receivers(team: Team, whom: str, own: Athlete) -> QuerySet[Athlete]:
    """Return the athletes that `whom` names, `own` where it names nobody."""
    return squad_named(team, whom or f"athlete-{own.pk}").prefetch_related("pauses")


class DropForm(forms.Form):
    """A session let go over a day: `on`, or `off_track` for its twin on the road."""

    on = DayField(required=False)
    off_track = DayField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not (cleaned["on"] or cleaned["off_track"]):
            self.add_error("on", "Say on which day.")
        return cleaned

    @property
    def day(self) -> date:
        day: date = self.cleaned_data["off_track"] or self.cleaned_data["on"]
        return day


class CopyForm(DropForm):
    """A session copied to a day, for its athlete or for others."""

    whom = WhomField(label="For", required=False)

    def __init__(self, *args: Any, own: Athlete, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        whom: Any = self.fields["whom"]
        whom.offer(own.team, own.name)


class WeekCopyForm(forms.Form):
    """A week copied to `weeks` weeks from `first` on, for its athlete or for others."""

    whom = WhomField(label="For", required=False)
    first = forms.TypedChoiceField(label="Into the week of", coerce=date.fromisoformat)
    weeks = forms.IntegerField(
        label="Weeks",
        min_value=1,
        max_value=WEEKS_AHEAD,
        initial=1,
        error_messages={"invalid": f"Write how many weeks: 1 to {WEEKS_AHEAD}."},
    )

    def __init__(self, *args: Any, own: Athlete, starts_on: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        whom: Any = self.fields["whom"]
        whom.offer(own.team, own.name)
        first: Any = self.fields["first"]
        ahead = (starts_on + timedelta(weeks=number) for number in range(WEEKS_AHEAD + 1))
        mondays = [day for day in ahead if day <= LAST_DAY]
        first.choices = [(f"{day:%Y-%m-%d}", f"Week of {day:%-d %B}") for day in mondays]
        first.initial = f"{mondays[:2][-1]:%Y-%m-%d}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and self.mondays()[-1] > LAST_DAY:
            there = 1 + (monday_of(LAST_DAY) - cleaned["first"]).days // 7
            self.add_error(
                "weeks",
                f"The last week is that of {monday_of(LAST_DAY):%-d %B %Y}: "
                f"copy to {there} week{'s' if there > 1 else ''} at most.",
            )
        return cleaned

    def mondays(self) -> list[date]:
        first: date = self.cleaned_data["first"]
        return [first + timedelta(weeks=ahead) for ahead in range(self.cleaned_data["weeks"])]


class SwapForm(forms.Form):
    one = forms.TypedChoiceField(label="Swap", choices=Weekday.choices, coerce=int)
    other = forms.TypedChoiceField(label="With", choices=Weekday.choices, coerce=int)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and cleaned["one"] == cleaned["other"]:
            self.add_error("other", "Choose another day to swap with.")
        return cleaned


class QuickAddForm(forms.Form):
    """One line: a workout of the library by its title, or a session as a coach would write it.

    `on` and `off_track` go before the weekday: the days that are offered where that one is full.
    """

    weekday = forms.TypedChoiceField(
        label="Day", choices=Weekday.choices, coerce=int, required=False, empty_value=None
    )
    on = DayField(required=False, widget=forms.HiddenInput)
    off_track = DayField(required=False, widget=forms.HiddenInput)
    what = forms.CharField(
        label="Workout",
        max_length=4000,
        widget=forms.TextInput(
            attrs={
                "list": "titles",
                "class": "notation",
                "placeholder": "6 x 800 @ 5k, jog 200",
                "autocomplete": "off",
                "autofocus": True,
            }
        ),
        error_messages={"required": "Write a session, or the title of a workout."},
    )
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "By its pace: track or easy"), *Kind.choices],
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workouts = list(Workout.objects.of_team(team).current().order_by("title"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "what" in cleaned and self.workout() is None:
            try:
                validate_notation(cleaned["what"])
            except ValidationError as error:
                self.add_error("what", error)
        if not self.errors and not any(cleaned[n] for n in ("weekday", "on", "off_track")):
            self.add_error("weekday", "Say on which day.")
        return cleaned

    def day(self, starts_on: date) -> date:
        """Return the day meant, a weekday being one of the week of that Monday."""
        data = self.cleaned_data
        on: date | None = data["off_track"] or data["on"]
        return on or starts_on + timedelta(days=data["weekday"] - 1)

    def workout(self) -> Workout | None:
        title = self.cleaned_data["what"].strip().casefold()
        return next((one for one in self.workouts if one.title.casefold() == title), None)

    def session(self) -> dict[str, Any]:
        """Return what `TrainingWeek.schedule` takes, but for the day."""
        workout, kind = self.workout(), self.cleaned_data["kind"]
        notation = workout.notation if workout else self.cleaned_data["what"]
        size = summary(notation)
        if not kind:
            kind = workout.kind if workout else Kind.TRACK if size.has_fast else Kind.EASY
        title = workout.title if workout else size.title[:80]
        return {"kind": kind, "title": title, "notation": notation, "workout": workout}


class LineForm(forms.Form):
    """The text of a session, changed where it stands on the board."""

    notation = NotationField(
        label="Session",
        max_length=4000,
        widget=forms.Textarea(attrs={"class": "notation", "rows": 4, "autofocus": True}),
    )
    title = forms.CharField(max_length=80)

    def __init__(self, *args: Any, session: Session, **kwargs: Any) -> None:
        initial = {"notation": session.notation, "title": session.title}
        super().__init__(*args, **kwargs | {"initial": initial})
        self.session = session

    def changes(self, notation: str) -> dict[str, str]:
        """Return what `TrainingWeek.edit` takes, with the notation as settled for the athlete.

        A title that begins with the reps ("6 × 800 m at 5K pace") and was left alone follows them.
        """
        session, title = self.session, self.cleaned_data["title"]
        level = session.week.athlete.level.lower()
        was, now = (summary(text, level).title for text in (session.notation, notation))
        if title == session.title and title.startswith(was):
            title = (now + title.removeprefix(was))[:80]
        return {"kind": session.kind, "notation": notation, "title": title}
