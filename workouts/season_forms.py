"""What coaches type about plans of several weeks, checked and turned into domain values."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms

from athletes.forms import OwnedForm
from athletes.models import Athlete, Group, Team, Weekday, monday_of
from workouts.forms import NotationField, squad_choices
from workouts.models import Kind, Phase, SeasonPlan, SeasonSession, SeasonWeek, Surface, Workout
from workouts.models.seasons import MOST_WEEKS
from workouts.prescriptions import summary

MOST_SESSIONS = 21


class SeasonPlanForm(OwnedForm):
    owner = "team"
    told_at = "title"

    number = forms.IntegerField(label="Weeks", min_value=1, max_value=MOST_WEEKS)

    class Meta:
        model = SeasonPlan
        fields = ["title", "purpose"]


class SeasonWeekForm(forms.Form):
    phase = forms.ChoiceField(choices=Phase.choices)
    track_limit = forms.TypedChoiceField(
        label="Track sessions allowed",
        choices=[(2, "2"), (1, "1"), (0, "0")],
        coerce=int,
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class SeasonSessionForm(forms.Form):
    """One row of a plan's week: the day, and a workout of the library or a text."""

    pk = forms.IntegerField(required=False, widget=forms.HiddenInput)
    weekday = forms.TypedChoiceField(
        label="Day", choices=[("", ""), *Weekday.choices], coerce=int, empty_value=None
    )
    workout = forms.ModelChoiceField(Workout.objects.none(), required=False, empty_label="")
    notation = NotationField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "notation"}),
    )
    title = forms.CharField(required=False, max_length=80)
    kind = forms.ChoiceField(choices=[("", ""), *Kind.choices], required=False)
    surface = forms.ChoiceField(
        label="Where", choices=[("", "Anywhere"), *Surface.choices], required=False
    )
    priority = forms.ChoiceField(
        label="Race", choices=[("", ""), *SeasonSession.Priority.choices], required=False
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors or data.get("DELETE"):
            return data
        workout = data["workout"]
        if workout and "workout" in self.changed_data:
            # A recipe chosen anew brings its own words, where nobody wrote others beside it.
            for name in ("notation", "kind", "title"):
                if name not in self.changed_data:
                    data[name] = getattr(workout, name)
        if not data["notation"]:
            self.add_error("notation", "Choose a workout of the library, or write one.")
            return data
        data["kind"] = data["kind"] or (workout.kind if workout else "")
        data["title"] = data["title"] or summary(data["notation"]).title[:80]
        if not data["kind"]:
            self.add_error("kind", "Say what kind of session it is: only track sessions count.")
        elif data["priority"] and data["kind"] != Kind.RACE:
            self.add_error("priority", "Only a race is A, B or C: choose the kind Race, or none.")
        return data


class _SessionFormSet(forms.BaseFormSet):
    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workouts = list(Workout.objects.of_team(team).current().order_by("kind", "title"))
        self.team = team

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        workout: Any = form.fields["workout"]
        workout.queryset = Workout.objects.of_team(self.team)
        # Asked for once, not for every row.
        workout.choices = [("", ""), *((one.pk, one.title) for one in self.workouts)]

    def clean(self) -> None:
        pks = [form.cleaned_data["pk"] for form in self.forms if form.cleaned_data.get("pk")]
        if len(set(pks)) < len(pks):
            raise forms.ValidationError(
                "Two rows are one and the same session, so nothing was kept: open the week anew."
            )

    def rows(self) -> list[dict[str, Any]]:
        """Return what `SeasonWeek.fill` takes, of the rows that are filled in and stay."""
        kept = [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data.get("weekday") and not form.cleaned_data.get("DELETE")
        ]
        return [{name: v for name, v in row.items() if name != "DELETE"} for row in kept]


SessionFormSet: Any = forms.formset_factory(
    SeasonSessionForm,
    formset=_SessionFormSet,
    extra=2,
    can_delete=True,
    max_num=MOST_SESSIONS,
    absolute_max=MOST_SESSIONS + 2,
    validate_max=True,
)


def rows_of(week: SeasonWeek, typed: Any = None) -> list[dict[str, Any]]:
    """Return the sessions of a plan's week as the rows of its form, in the order of what is typed.

    A row that is typed about no session of the week has nothing before it.
    """
    names = ("pk", "weekday", "notation", "title", "kind", "surface", "priority")
    rows = [
        {name: getattr(one, name) for name in names} | {"workout": one.workout_id}
        for one in week.sessions.order_by("weekday", "pk")
    ]
    if typed is None:
        return rows
    by_pk = {str(row["pk"]): row for row in rows}
    there = typed.get("form-INITIAL_FORMS", "")
    count = min(int(there), MOST_SESSIONS) if there.isdecimal() else 0
    return [by_pk.get(typed.get(f"form-{number}-pk"), {}) for number in range(count)]


def seen_now(typed: Any, week: SeasonWeek) -> Any:
    """Return what was typed about a week, as if all that it holds by now had been seen.

    Sessions that came into the week meanwhile are rows beside those that were typed.
    """
    merged = typed.copy()
    merged["seen"] = week.version()
    count = int(typed["form-TOTAL_FORMS"])
    there = {typed.get(f"form-{number}-pk") for number in range(count)}
    for row in rows_of(week):
        if str(row["pk"]) not in there:
            for name, value in row.items():
                merged[f"form-{count}-{name}"] = "" if value is None else str(value)
            count += 1
    merged["form-TOTAL_FORMS"] = str(count)
    return merged


class _Day(forms.DateField):
    def __init__(self, label: str) -> None:
        super().__init__(
            label=label,
            required=False,
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            error_messages={"invalid": "Write the day as 2026-11-30."},
        )

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        # A plan of the most weeks around it still lies on Mondays that have a page.
        if day and not date(2001, 1, 1) <= day <= date(2098, 12, 31):
            raise forms.ValidationError("Write a day from 2001 to 2098.")
        return day


class FollowForm(forms.Form):
    """Who is to follow a plan, and from which Monday, or towards which race."""

    whom = forms.MultipleChoiceField(label="For", widget=forms.CheckboxSelectMultiple)
    starts_on = _Day("First week begins on Monday")
    race_on = _Day("Or race day")
    on_road = forms.BooleanField(
        label="Where a week has no track session left, run it on the road", required=False
    )
    group = forms.ModelChoiceField(Group.objects.none(), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, team: Team, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team, self.today = team, today
        self.groups = list(team.groups.order_by("name"))
        groups, athletes = squad_choices(team)
        whom: Any = self.fields["whom"]
        whom.choices = [
            ("everyone", "Everyone in the team"),
            *groups,
            *athletes,
        ]
        whom.error_messages["required"] = "Tick who is to follow the plan."
        group: Any = self.fields["group"]
        group.queryset = team.groups

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors.keys() & {"starts_on", "race_on"}:
            return data
        starts_on, race_on = data.get("starts_on"), data.get("race_on")
        # Who joins a run comes to its Monday and its race, however long the plan is by now.
        if bool(starts_on) == bool(race_on) and not (starts_on and data.get("group")):
            self.add_error("starts_on", "Write the first Monday or the race day, one of the two.")
        elif race_on and race_on < self.today:
            self.add_error("race_on", "That day is over: write the day of a race to come.")
        if starts_on:
            data["starts_on"] = monday_of(starts_on)
        return data

    def split(self) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return the boxes of groups and those of athletes."""
        boxes = list(self["whom"])
        return boxes[: len(self.groups) + 1], boxes[len(self.groups) + 1 :]

    def athletes(self) -> dict[Athlete, Group | None]:
        """Return who is meant, with the group by which each was chosen."""
        chosen = set(self.cleaned_data["whom"])
        named = self.cleaned_data.get("group")
        wanted = [g for g in self.groups if f"group-{g.pk}" in chosen or g == named]
        through = Group.athletes.through.objects.filter(group__in=wanted)
        by_group = dict(through.order_by("-group__name").values_list("athlete_id", "group_id"))
        groups = {group.pk: group for group in wanted}
        picked = {int(one[8:]) for one in chosen if one.startswith("athlete-")}
        in_groups = {pk for pk, group in by_group.items() if f"group-{group}" in chosen}
        team = Athlete.objects.filter(team=self.team)
        meant = team if "everyone" in chosen else team.filter(pk__in=picked | in_groups)
        return {athlete: groups.get(by_group.get(athlete.pk, 0)) for athlete in meant}
