"""What coaches and athletes type about people and races, checked and turned into domain values."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.text import slugify

from athletes.measures import (
    KM_M,
    MILE_M,
    RACES,
    MeasureError,
    format_clock,
    format_pace,
    format_range,
    parse_clock,
    parse_distance,
)
from athletes.models import (
    PACE_S_PER_KM,
    PACES,
    Athlete,
    Group,
    Membership,
    Pause,
    RacePerformance,
    Team,
    User,
    Weekday,
    validate_time_zone,
)
from athletes.paces import RACED_M, implausible
from athletes.predictions import TRAINING


class LineField(forms.CharField):
    """Text on one line, as a subject or a heading has it; a pasted line break becomes a space."""

    def to_python(self, value: Any) -> str:
        return " ".join(str(super().to_python(value)).splitlines())


class ClockField(forms.CharField):
    """A time as a coach types it, 17:05.3, in seconds."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 20)
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", "text")
        self.widget.attrs.setdefault("class", "clock")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return format_clock(value, places=0 if value == value.to_integral() else 1)
        return value

    def clean(self, value: Any) -> Decimal | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_clock(text)
        except MeasureError as error:
            raise forms.ValidationError(str(error)) from error


class DistanceField(forms.CharField):
    """A distance as a coach types it, 5k or 1 mile, in metres."""

    def clean(self, value: Any) -> Decimal | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_distance(text)
        except MeasureError as error:
            raise forms.ValidationError(str(error)) from error


class OwnedForm(forms.ModelForm):
    """A row that belongs to a team or an athlete, which the view sets before the form is checked.

    Django leaves constraints alone whose fields are not all typed; here the owner counts as typed,
    so that "once per team" is said beside the field and not by the database.
    """

    owner: str
    told_at: str

    def _update_errors(self, errors: Any) -> None:
        """Tell what a constraint says at the field that can mend it."""
        said = getattr(errors, "error_dict", {}).pop(NON_FIELD_ERRORS, None)
        if said:
            errors.error_dict.setdefault(self.told_at, []).extend(said)
        # As the other hooks here, Django's own, which its type stubs leave out.
        super()._update_errors(errors)  # type: ignore[misc]

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {self.owner}


class TeamForm(forms.Form):
    name = LineField(label="Name of the team", max_length=80)
    coach = LineField(label="Your own name", max_length=120)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not slugify(name):
            raise forms.ValidationError("Write a name with at least one letter or figure in it.")
        return name

    def free_slug(self) -> str:
        """Return a slug that no team has yet."""
        base = slugify(self.cleaned_data["name"])[:32]
        taken = set(Team.objects.filter(slug__startswith=base).values_list("slug", flat=True))
        taken.add("add")  # /teams/add/ is the page that starts a team
        numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
        return next(slug for slug in (base, *numbered) if slug not in taken)


class TeamEditForm(forms.ModelForm):
    """What a team's plans rest on: its name, its track, its splits, and how far ahead one sees."""

    class Meta:
        model = Team
        fields = ["name", "lap_m", "split_m", "release_weeks"]
        field_classes = {"name": LineField}
        labels = {"name": "Name of the team", "lap_m": "One lap of your track, in metres"}
        help_texts = {
            "lap_m": "400 outdoors, usually 200 indoors. A session can have a lap of its own.",
            "split_m": "For checking the pace during a rep.",
            "release_weeks": "Later ones stay hidden until then, or until their mail has gone out.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        splits: Any = self.fields["split_m"]
        splits.choices = [("", "At every lap"), *splits.choices[1:]]
        released: Any = self.fields["release_weeks"]
        released.choices = [("", "As soon as they are published"), *released.choices[1:]]


class GroupForm(OwnedForm):
    owner = "team"
    told_at = "name"

    class Meta:
        model = Group
        fields = ["name"]


class GroupsField(forms.ModelMultipleChoiceField):
    """Django asks the database for each posted id, and SQLite cannot take one past 64 bits."""

    def _check_values(self, value: Any) -> Any:
        if any(len(str(pk)) > 18 for pk in value or ()):
            raise forms.ValidationError(
                self.error_messages["invalid_choice"], code="invalid_choice", params={"value": "…"}
            )
        return super()._check_values(value)  # type: ignore[misc]


class AthleteForm(OwnedForm):
    """An athlete as the coach keeps them; the usual week is typed in their units."""

    owner = "team"
    told_at = "email"

    weekly_km = forms.DecimalField(
        label="Usual week in km", min_value=0, max_value=400, decimal_places=1, required=False
    )

    groups = GroupsField(Group.objects.none(), required=False, widget=forms.CheckboxSelectMultiple)
    busy_days = forms.MultipleChoiceField(
        label="Cannot train on",
        choices=[(str(day.value), day.label) for day in Weekday],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Athlete
        fields = [
            "name",
            "email",
            "sex",
            "birth_year",
            "is_minor",
            "guardian_email",
            "level",
            "groups",
            "track_limit",
            "busy_days",
            "time_zone",
            "units",
            "hr_max",
            "send_weekday",
            "send_time",
        ]
        field_classes = {"name": LineField}
        labels = {
            "send_weekday": "Plan is mailed on",
            "send_time": "at (own time)",
            "track_limit": "Track limit a week",
            "is_minor": "Is a minor",
        }
        help_texts = {
            "guardian_email": "Gets a copy of every mail. Under 18, nothing is sent without one.",
        }
        widgets = {
            "send_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.team = team
        limit: Any = self.fields["track_limit"]
        if not self.instance.pk:
            self.initial["track_limit"] = ""
            limit.required = False
            limit.choices = [("", "By level: a beginner 1, others 2"), *limit.choices]
        self.initial["busy_days"] = list(self.instance.busy_days)
        groups: Any = self.fields["groups"]
        groups.queryset = team.groups.order_by("name")
        # Those that the label tells, whatever units are chosen on the page.
        self.unit_m = KM_M
        if self.instance.units == Athlete.Units.MI:
            self.unit_m = MILE_M
            self.fields["weekly_km"].label = "Usual week in miles"
        if self.instance.weekly_volume_m is not None:
            self.initial["weekly_km"] = round(self.instance.weekly_volume_m / self.unit_m, 1)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean_guardian_email(self) -> str:
        return str(self.cleaned_data["guardian_email"]).lower()

    def clean_weekly_km(self) -> Decimal | None:
        typed: Decimal | None = self.cleaned_data["weekly_km"]
        return typed if typed is None else typed * self.unit_m / KM_M

    def clean_busy_days(self) -> str:
        return "".join(sorted(self.cleaned_data["busy_days"]))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("track_limit") in (None, "") and "track_limit" not in self.errors:
            cleaned["track_limit"] = Athlete.usual_limit(cleaned.get("level", ""))
        return cleaned

    def save(self, commit: bool = True) -> Athlete:
        if "weekly_km" in self.changed_data:
            km = self.cleaned_data["weekly_km"]
            self.instance.weekly_volume_m = None if km is None else int(km * 1000)
        return super().save(commit)


class DigestForm(forms.Form):
    """When a coach's own morning mail about a team comes; without a time, none does."""

    digest_at = forms.TimeField(
        label="Morning mail at",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    time_zone = forms.CharField(
        label="Your time zone", max_length=40, validators=[validate_time_zone]
    )

    def __init__(self, *args: Any, member: Membership, **kwargs: Any) -> None:
        kwargs["initial"] = {"digest_at": member.digest_at, "time_zone": member.user.time_zone}
        super().__init__(*args, **kwargs)


class PauseForm(OwnedForm):
    """An injury, an illness or days away, and how gently the athlete comes back."""

    owner = "athlete"
    told_at = "ends_on"

    class Meta:
        model = Pause
        fields = ["reason", "starts_on", "ends_on", "gentle_weeks", "note"]
        widgets = {
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            for name in ("starts_on", "ends_on")
        }
        labels = {"ends_on": "Last day (if known)", "gentle_weeks": "Weeks of gentle return"}
        help_texts = {"gentle_weeks": "After an injury or illness: one track session in each."}

    def __init__(self, *args: Any, athlete: Athlete, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.athlete = athlete


class RaceForm(OwnedForm):
    """A race as it was run; `keep_out` is the other way round of `drives_paces`."""

    owner = "athlete"
    told_at = "time_s"
    distance_m = DistanceField(label="Distance", max_length=20)
    time_s = ClockField(label="Time")
    keep_out = forms.BooleanField(
        label="Not for paces",
        help_text="A short course, a pacing job: kept in the list, but no pace comes from it.",
        required=False,
    )

    class Meta:
        model = RacePerformance
        fields = ["distance_m", "time_s", "raced_on", "surface", "timing", "note"]
        labels = {"raced_on": "Day (if known)"}
        widgets = {"raced_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args: Any, athlete: Athlete, today: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.athlete = athlete
        self.today = today
        self.fields["timing"].required = False
        self.initial["keep_out"] = not self.instance.drives_paces
        if self.instance.pk:
            self.initial["distance_m"] = _typed_distance(self.instance.distance_m)

    @property
    def has_details(self) -> bool:
        """Say whether anything is filled in that the form folds away."""
        is_timed = self["timing"].value() not in ("", RacePerformance.Timing.UNKNOWN)
        return bool(is_timed or self["note"].value() or self["keep_out"].value())

    def clean_timing(self) -> str:
        return str(self.cleaned_data["timing"] or RacePerformance.Timing.UNKNOWN)

    def clean_raced_on(self) -> Any:
        raced_on = self.cleaned_data["raced_on"]
        if raced_on and raced_on > self.today:
            raise forms.ValidationError("This day has not come yet.")
        return raced_on

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        distance_m, time_s = cleaned.get("distance_m"), cleaned.get("time_s")
        if distance_m and not RACED_M[0] <= distance_m <= RACED_M[1]:
            self.add_error("distance_m", "Races of 100 m to 400 km are kept.")
        elif distance_m and time_s and (doubt := implausible(distance_m=distance_m, time_s=time_s)):
            self.add_error("time_s", doubt)
        self.instance.drives_paces = not cleaned.get("keep_out")
        return cleaned


def _typed_distance(distance_m: Decimal) -> str:
    """Return a distance as one would type it: the name of the race, else metres."""
    name = next((name for name, metres in RACES.items() if metres == distance_m), "")
    return f"{name} m" if name.isdigit() else name or f"{distance_m.normalize():f} m"


class PaceField(forms.CharField):
    """A pace as a coach types it, 4:05 or 5:20–6:00, in seconds per km; bare ones in `units`."""

    units = "km"

    def clean(self, value: Any) -> tuple[Decimal, Decimal] | None:
        text = super().clean(value)
        if not text:
            return None
        ends = [self._s_per_km(part) for part in re.split(r"\s*(?:-|\u2013|\bto\b)\s*", text)]
        if len(ends) > 2:
            raise forms.ValidationError("Write one pace, or two with a dash between them.")
        low, high = sorted((ends[0], ends[-1]))
        if not PACE_S_PER_KM[0] <= low <= high <= PACE_S_PER_KM[1]:
            limits = (format_pace(end / 1000, units=self._unit("")) for end in PACE_S_PER_KM)
            raise forms.ValidationError(f"A pace lies in {format_range(*limits)}.")
        return low, high

    def _unit(self, named: str) -> Any:
        return named or self.units

    def _s_per_km(self, text: str) -> Decimal:
        match = re.fullmatch(r"(\d{1,2}:\d\d)\s*(?:(?:/|per)\s*(km|mi))?", text.strip())
        if not match:
            raise forms.ValidationError(f"“{text}” is not a pace. Write it as 4:05 or 6:35/mi.")
        try:
            seconds = parse_clock(match[1])
        except MeasureError as error:
            raise forms.ValidationError(str(error)) from error
        metres = MILE_M if self._unit(match[2] or "") == "mi" else KM_M
        return (seconds * 1000 / metres).quantize(Decimal("0.001"))


def _pace_choices() -> list[Any]:
    training = [(name, words) for name, words in PACES.items() if name in TRAINING]
    races = [(name, words) for name, words in PACES.items() if name not in TRAINING]
    return [("Training", training), ("Race", races)]


class PaceOverrideForm(forms.Form):
    """A pace set by hand, with the reason for it."""

    name = forms.ChoiceField(label="Pace", choices=_pace_choices)
    pace = PaceField(label="Set to", max_length=20)
    reason = forms.CharField(max_length=120)

    def __init__(self, *args: Any, units: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pace: Any = self.fields["pace"]
        pace.units = units.lower()
        pace.help_text = f"Per {pace.units}: 4:05, or 5:20–6:00 for easy."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        pace = cleaned.get("pace")
        if pace and pace[0] != pace[1] and cleaned.get("name") != "easy":
            self.add_error("pace", "Only easy is a range: write one pace.")
        return cleaned


class AcceptForm(forms.Form):
    """A new account for an invited athlete: only the password is asked."""

    password = forms.CharField(
        label="Choose a password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password


class RosterForm(forms.Form):
    """The squad as a coach's spreadsheet saves it, and perhaps the results beside it."""

    roster = forms.FileField(label="Roster (CSV)")
    results = forms.FileField(label="Dated race results (CSV, may be left out)", required=False)

    def files_read(self) -> tuple[bytes, bytes | None]:
        """Return the bytes of the roster, and of the results where they were given."""
        roster, results = self.cleaned_data["roster"], self.cleaned_data["results"]
        return roster.read(), results.read() if results else None
