"""Who runs, how fast, and who may see whom."""

import hashlib
import secrets
import zoneinfo
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Lower

from athletes.measures import RACES, distance_name, format_clock
from athletes.paces import RACED_M
from athletes.predictions import TRAINING, AthletePaces, Pace, Race, athlete_paces

INVITATION_LIFE = timedelta(days=7)
UNSUBSCRIBED = "unsubscribed"
GROWN_UP_AT = 18
# So many mails that bounce softly within so long stop an address.
SOFT_BOUNCES = 3
SOFT_BOUNCES_WITHIN = timedelta(days=14)
LIMIT_IS_0_TO_2 = "A week may have two track sessions, one, or none."
# What a coach may set by hand, and its name; marathon is a race and a training pace.
PACES = {
    **{name: "VO2max" if name == "vo2max" else name.capitalize() for name in TRAINING},
    **{race: distance_name(RACES[race]) for race in RACES if race not in TRAINING},
}
LAP_M = (100, 1000)  # from a circle in a hall to a loop in a park
PACE_S_PER_KM = (Decimal(100), Decimal(1200))  # faster than any race; a walk


class Weekday(models.IntegerChoices):
    """ISO weekdays."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def why_absent(day: date, pauses: "Iterable[Pause]", busy_days: str) -> str:
    """Say why nobody with these pauses and busy weekdays trains on a day, "" if they do."""
    if pause := next((pause for pause in pauses if pause.covers(day)), None):
        return str(pause)
    return f"cannot train on {day:%A}s" if str(day.isoweekday()) in busy_days else ""


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """Return the names of the time zones that people live in, read from the disk once."""
    # Two names are no places: what they mean depends on the machine.
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime"})


def validate_time_zone(name: str) -> None:
    if name not in time_zones():
        raise ValidationError(
            "“%(name)s” is no time zone; write it as Europe/London or America/New_York.",
            params={"name": name},
        )


def new_calendar_key() -> str:
    return secrets.token_hex(8)


class InvitationUsed(Exception):
    """The invitation was accepted before, has expired, or belongs to another address."""


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who logs in, with an email address as the name; a coach, an athlete, or both."""

    email = models.EmailField("email address", max_length=254, unique=True)
    name = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=40, default="UTC", validators=[validate_time_zone])
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_one_per_email",
                violation_error_message="There is an account with this address already.",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email


class TeamQuerySet(models.QuerySet["Team"]):
    def coached_by(self, user: User) -> Self:
        """Return the teams that this user coaches."""
        return self.filter(memberships__user=user)


class Team(models.Model):
    """A coach's club or squad; nothing is shared between two of them.

    `lap_m` is one lap of its track, `split_m` the metres after which splits are told inside a rep,
    None for the lap lines alone. Athletes see their published weeks up to `release_weeks` after
    the current one, None for all. Mails to athletes wait since `mails_paused_at`, None if they go.
    """

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    lap_m = models.FloatField(
        "lap of the track in metres",
        default=400,
        validators=[MinValueValidator(LAP_M[0]), MaxValueValidator(LAP_M[1])],
    )
    split_m = models.PositiveSmallIntegerField(
        "splits inside a rep",
        null=True,
        blank=True,
        choices=[(200, "Every 200 m"), (100, "Every 100 m")],
    )
    release_weeks = models.PositiveSmallIntegerField(
        "athletes see published weeks",
        null=True,
        blank=True,
        choices=[
            (0, "Of the current week only"),
            (1, "One week ahead"),
            *((weeks, f"{weeks} weeks ahead") for weeks in (2, 3, 4, 6, 8)),
        ],
    )
    mails_paused_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TeamQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lap_m__range=LAP_M),
                name="team_lap_is_sane",
                violation_error_message="A lap has 100 to 1,000 m.",
            ),
            models.CheckConstraint(
                condition=Q(split_m__isnull=True) | Q(split_m__in=[100, 200]),
                name="team_split_is_known",
            ),
            models.CheckConstraint(
                condition=Q(release_weeks__isnull=True) | Q(release_weeks__range=(0, 8)),
                name="team_release_is_0_to_8",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def opens_on(self, starts_on: date) -> date | None:
        """Return the Monday from which athletes see the week of that Monday, None for always."""
        if self.release_weeks is None:
            return None
        return starts_on - timedelta(weeks=self.release_weeks)

    def take_on(self, user: User) -> None:
        """Let a user coach this team: as its head where it has none, else as an assistant."""
        is_led = self.memberships.filter(role=Membership.Role.HEAD).exists()
        role = Membership.Role.ASSISTANT if is_led else Membership.Role.HEAD
        self.memberships.get_or_create(user=user, defaults={"role": role})


class Membership(models.Model):
    """One coach's place in a team.

    The morning mail about the team comes at `digest_at`, in the user's time zone; None for none.
    """

    class Role(models.TextChoices):
        HEAD = "HEAD", "Head coach"
        ASSISTANT = "ASSISTANT", "Assistant coach"

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.ASSISTANT)
    digest_at = models.TimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_one_per_coach"),
            models.UniqueConstraint(
                fields=["team"], condition=Q(role="HEAD"), name="membership_one_head_coach"
            ),
            models.CheckConstraint(
                condition=Q(role__in=["HEAD", "ASSISTANT"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class Group(models.Model):
    """Athletes of one team who are planned together."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="groups")
    name = models.CharField(max_length=80)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team",
                Lower("name"),
                name="group_one_per_name",
                violation_error_message="This team has a group of that name already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class AthleteQuerySet(models.QuerySet["Athlete"]):
    def visible_to(self, user: User) -> Self:
        """Return the athletes whose pages this user may read: those coached, and oneself."""
        return self.filter(
            Q(team__in=Team.objects.coached_by(user)) | Q(user=user), team__isnull=False
        )

    def coached_by(self, user: User) -> Self:
        """Return the athletes whose training this user may change."""
        return self.filter(team__in=Team.objects.coached_by(user))

    def with_calendar(self, key: str) -> Self:
        """Return the athletes whose calendar has this key, and may be read.

        That of a person whose account was closed is closed too: nobody could change its address.
        """
        return self.filter(calendar_key=key).exclude(user__is_active=False)

    def with_paces(self) -> Self:
        """Fetch what `Athlete.paces` reads, for many athletes at once."""
        return self.prefetch_related("races", "pace_overrides")


class Athlete(models.Model):
    """A runner of a team, with what the plan needs to know of them.

    `weekly_volume_m` is the usual week in metres. `send_weekday` (ISO, Monday 1) and `send_time`
    are the athlete's own day and hour for the mail of the coming week, in `time_zone`. `busy_days`
    holds the ISO weekdays on which the athlete cannot train, as "36". Every mail to a minor goes to
    `guardian_email` too, the address of a second adult. `calendar_key` is part of the secret
    address of the athlete's calendar.
    """

    class Level(models.TextChoices):
        BEGINNER = "BEGINNER", "Beginner"
        INTERMEDIATE = "INTERMEDIATE", "Intermediate"
        ADVANCED = "ADVANCED", "Advanced"

    class Units(models.TextChoices):
        KM = "KM", "Kilometres"
        MI = "MI", "Miles"

    class Sex(models.TextChoices):
        F = "F", "Female"
        M = "M", "Male"

    team = models.ForeignKey(Team, models.CASCADE, related_name="athletes")
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="athletes", editable=False
    )
    groups = models.ManyToManyField(Group, related_name="athletes", blank=True)
    name = models.CharField(max_length=80)
    email = models.EmailField(max_length=254)
    sex = models.CharField(max_length=1, choices=Sex, blank=True)
    birth_year = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1900), MaxValueValidator(2100)]
    )
    is_minor = models.BooleanField("is a minor", default=False)
    guardian_email = models.EmailField("guardian's address", max_length=254, blank=True)
    level = models.CharField(max_length=12, choices=Level, default=Level.INTERMEDIATE)
    time_zone = models.CharField(max_length=40, default="UTC", validators=[validate_time_zone])
    units = models.CharField(max_length=2, choices=Units, default=Units.KM)
    weekly_volume_m = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(400_000)]
    )
    hr_max = models.PositiveSmallIntegerField(
        "maximum heart rate",
        null=True,
        blank=True,
        validators=[MinValueValidator(120), MaxValueValidator(230)],
    )
    track_limit = models.PositiveSmallIntegerField(
        "track sessions a week", default=2, choices=[(2, "2"), (1, "1"), (0, "0 (injured)")]
    )
    busy_days = models.CharField(max_length=7, blank=True, default="")
    send_weekday = models.PositiveSmallIntegerField(default=Weekday.SUNDAY, choices=Weekday)
    send_time = models.TimeField(default=time(18))
    calendar_key = models.CharField(max_length=16, default=new_calendar_key, editable=False)

    objects = AthleteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team",
                Lower("email"),
                name="athlete_one_per_email",
                violation_error_message="This team has an athlete with that address already.",
            ),
            models.UniqueConstraint(fields=["team", "user"], name="athlete_one_per_user"),
            models.CheckConstraint(
                condition=Q(track_limit__range=(0, 2)),
                name="athlete_track_limit_is_0_to_2",
                violation_error_message=LIMIT_IS_0_TO_2,
            ),
            models.CheckConstraint(
                condition=Q(send_weekday__range=(1, 7)), name="athlete_send_weekday_is_iso"
            ),
            models.CheckConstraint(
                condition=Q(level__in=["BEGINNER", "INTERMEDIATE", "ADVANCED"]),
                name="athlete_level_is_known",
            ),
            models.CheckConstraint(
                condition=Q(units__in=["KM", "MI"]), name="athlete_units_are_known"
            ),
            models.CheckConstraint(
                condition=Q(guardian_email="") | ~Q(guardian_email=Lower("email")),
                name="athlete_guardian_is_another",
                violation_error_message="This is the athlete's own address.",
            ),
        ]
        # The order of board and roster, so that a page of a large team reads that page only.
        indexes = [models.Index(fields=["team", "name", "id"], name="athlete_in_order")]

    def __str__(self) -> str:
        return self.name

    def today(self, now: datetime) -> date:
        """Return the athlete's own date at this instant."""
        return now.astimezone(zoneinfo.ZoneInfo(self.time_zone)).date()

    def needs_guardian(self, today: date) -> bool:
        """Say whether the athlete is, or by the year of birth may still be, under age."""
        by_year = self.birth_year is not None and today.year - self.birth_year <= GROWN_UP_AT
        return self.is_minor or by_year

    @classmethod
    def usual_limit(cls, level: str) -> int:
        """Return the track limit of a new athlete: one a week for a beginner, else two."""
        return 1 if level == cls.Level.BEGINNER else 2

    def limit_changed(self, *, today: date, by: User) -> list[Any]:
        """Let the weeks from this one on follow the limit and the pauses that the athlete has now.

        :returns: the weeks that hold more track sessions than that, and keep their limit
        """
        # Through the relation: weeks know of athletes, not the other way round.
        kept: list[Any] = self.weeks.follow_limit(self, starts_on=monday_of(today), by=by)
        return kept

    def limit_in(self, starts_on: date) -> int:
        """Return how many track sessions the week from that Monday on may have, 0 to 2.

        The athlete's own limit, or less while a pause lasts and the return is gentle. Reads
        `pauses`.
        """
        return min([self.track_limit, *(pause.limit_in(starts_on) for pause in self.pauses.all())])

    def why_not(self, day: date) -> str:
        """Say why the athlete cannot train on a day, "" if nothing is known; reads `pauses`."""
        return why_absent(day, self.pauses.all(), self.busy_days)

    def want_mail(self, kinds: Collection[str], *, now: datetime) -> None:
        """Let these kinds of mail come, and no other."""
        with transaction.atomic():
            self.unsubscriptions.filter(kind__in=kinds).delete()
            for kind in set(MailKind.values) - set(kinds):
                Unsubscription.objects.note(self, kind, now=now)

    def why_no_mail(self, kind: str = "PLAN") -> str:
        """Say why no mail of a kind goes to the athlete, "" if it does."""
        stop = MailStop.objects.standing(models.Value(self.email)).first()
        if stop:
            return stop.get_kind_display()
        return UNSUBSCRIBED if self.unsubscriptions.filter(kind=kind).exists() else ""

    def renew_calendar(self) -> None:
        """Give the athlete's calendar a new address; the old one opens nothing any more."""
        self.calendar_key = new_calendar_key()
        self.save(update_fields=["calendar_key"])

    def is_paused_on(self, day: date) -> bool:
        """Say whether a pause covers a day; reads `pauses`."""
        return any(pause.covers(day) for pause in self.pauses.all())

    def paces(
        self, *, today: date, races: "Iterable[RacePerformance] | None" = None
    ) -> AthletePaces | None:
        """Return the paces that the athlete's races support, or None without a usable race.

        Races that drive no paces are left out, and what a coach has set by hand goes before what
        the races say. `races` stands in for the athlete's own, to see what one more would change.
        Reads `races` and `pace_overrides`: see `AthleteQuerySet.with_paces`.
        """
        chosen = self.races.all() if races is None else races
        paces = athlete_paces([race.as_race() for race in chosen if race.drives_paces], today=today)
        overrides = {override.name: override.as_pace() for override in self.current_overrides()}
        return replace(paces, overrides=overrides) if paces and overrides else paces

    def current_overrides(self) -> list["PaceOverride"]:
        """Return the paces that are set by hand now; reads `pace_overrides`."""
        return [override for override in self.pace_overrides.all() if override.is_current]

    def override_pace(
        self, name: str, *, low: Decimal, high: Decimal, reason: str, by: User, now: datetime
    ) -> "PaceOverride":
        """Set a pace by hand, seconds per km from `low` (faster) to `high`.

        What was set for it before is ended and kept.
        """
        with transaction.atomic():
            # The lock makes two coaches who set one pace follow each other.
            Athlete.objects.select_for_update(no_key=True).get(pk=self.pk)
            self.pace_overrides.current().filter(name=name).update(ended_at=now, ended_by=by)
            return self.pace_overrides.create(
                name=name,
                low_s_per_km=low,
                high_s_per_km=high,
                reason=reason,
                set_by=by,
                set_at=now,
            )

    def invite(self, *, by: User, now: datetime) -> tuple["Invitation", str]:
        """Make a fresh invitation; return it with its secret token. Older ones stay open."""
        token = secrets.token_urlsafe(24)
        invitation = self.invitations.create(
            email=self.email,
            token_hash=hash_token(token),
            invited_by=by,
            expires_at=now + INVITATION_LIFE,
        )
        return invitation, token


class MailKind(models.TextChoices):
    """The kinds of mail that an athlete can leave, each by itself."""

    PLAN = "PLAN", "The plan of a week"
    CHANGE = "CHANGE", "Changes to a week that was mailed"


class UnsubscriptionQuerySet(models.QuerySet["Unsubscription"]):
    def note(self, athlete: Athlete, kind: str, *, now: datetime) -> None:
        """Stop one kind of mail to an athlete; doing it twice changes nothing."""
        self.get_or_create(athlete=athlete, kind=kind, defaults={"at": now})


class Unsubscription(models.Model):
    """A kind of mail that an athlete does not want; only the athlete takes it back."""

    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="unsubscriptions")
    kind = models.CharField(max_length=8, choices=MailKind)
    at = models.DateTimeField()

    objects = UnsubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["athlete", "kind"], name="unsubscription_one_per_kind"),
            models.CheckConstraint(
                condition=Q(kind__in=["PLAN", "CHANGE"]), name="unsubscription_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.athlete}: no “{self.get_kind_display()}”"


class MailStopQuerySet(models.QuerySet["MailStop"]):
    def told_of(self, email: Any) -> Self:
        """Return what counts against an address, or that of each row with an `OuterRef`."""
        return self.filter(email=Lower(email), lifted_at=None).order_by("at", "pk")

    def standing(self, email: Any) -> Self:
        """Return what keeps mail from an address; one soft bounce does not."""
        return self.told_of(email).exclude(kind=MailStop.Kind.SOFT)

    def note(self, *, email: str, event_id: str, kind: str, **fields: Any) -> bool:
        """Keep what a provider tells of an address, in small letters; False if it is no news."""
        # The kind as it is told: that of the row changes where soft bounces add up.
        key = f"{kind} {event_id}"[:200]
        _, is_news = self.get_or_create(
            email=email, event_id=key, defaults={"kind": kind, **fields}
        )
        return is_news

    def add_up(self, email: str) -> None:
        """Stop an address at which several mails bounced softly, not long apart.

        Called once the last one is committed: of two that are told at once, one sees the other.
        """
        soft = self.told_of(models.Value(email)).filter(kind=MailStop.Kind.SOFT)
        first_of: dict[str, MailStop] = {}  # of each mail
        for one in soft:
            first_of.setdefault(one.mail, one)
        found = list(first_of.values())
        for first, last in zip(found, found[SOFT_BOUNCES - 1 :], strict=False):
            if last.at - first.at <= SOFT_BOUNCES_WITHIN:
                self.filter(pk=last.pk).update(kind=MailStop.Kind.FULL)

    def lift(self, email: str, *, now: datetime) -> None:
        """Let mail go to an address again; what counted against it counts no more."""
        self.told_of(models.Value(email)).update(lifted_at=now)


class MailStop(models.Model):
    """An address that takes no mail, as a provider tells: it bounced, or its reader complained.

    It goes by the address: an athlete with a new one is free again. `event_id` is the kind and the
    provider's id (which may tell of several addresses, and of a bounce and a complaint), so that
    news that is told twice changes nothing, even after the stop was lifted. `mail` tells one mail
    from another. A soft bounce stops nothing by itself, but the last of `SOFT_BOUNCES` within
    `SOFT_BOUNCES_WITHIN` does, each of another mail.
    """

    class Kind(models.TextChoices):
        BOUNCE = "BOUNCE", "bounced"
        SOFT = "SOFT", "bounced once"
        FULL = "FULL", f"{SOFT_BOUNCES} mails bounced"
        COMPLAINT = "SPAM", "marked as spam"

    email = models.EmailField(max_length=254, db_index=True)
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField()
    said = models.CharField(max_length=300, blank=True)
    mail = models.CharField(max_length=200, blank=True)
    event_id = models.CharField(max_length=200)
    lifted_at = models.DateTimeField(null=True)

    objects = MailStopQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["BOUNCE", "SOFT", "FULL", "SPAM"]),
                name="mail_stop_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="mail_stop_email_is_lower_case"
            ),
            models.UniqueConstraint(
                fields=["event_id", "email"], name="mail_stop_one_per_event_and_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email}: {self.get_kind_display()}"


class PauseQuerySet(models.QuerySet["Pause"]):
    def coached_by(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.coached_by(user))

    def late(self, *, since: date) -> Self:
        """Return the pauses that go on, or ended on that day or later; the newest first."""
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=since)).order_by("-starts_on", "-pk")


class Pause(models.Model):
    """Days on which an athlete does not train, and the gentle return after an injury or illness.

    Weeks that the pause touches allow no track session, the `gentle_weeks` after it one. Being
    away takes the days only. `ends_on` is None while the end is open.
    """

    class Reason(models.TextChoices):
        INJURY = "INJURY", "Injured"
        ILLNESS = "ILLNESS", "Ill"
        AWAY = "AWAY", "Away"

    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="pauses")
    reason = models.CharField(max_length=8, choices=Reason, default=Reason.INJURY)
    starts_on = models.DateField("first day")
    ends_on = models.DateField("last day", null=True, blank=True)
    gentle_weeks = models.PositiveSmallIntegerField(
        "gentle weeks after it", default=2, validators=[MaxValueValidator(12)]
    )
    note = models.CharField(max_length=120, blank=True)

    objects = PauseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=["INJURY", "ILLNESS", "AWAY"]), name="pause_reason_is_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=models.F("starts_on")),
                name="pause_ends_after_it_starts",
                violation_error_message="The last day lies before the first.",
            ),
        ]

    def __str__(self) -> str:
        words = f"{self.get_reason_display().lower()} from {self.starts_on:%-d %B}"
        return f"{words} to {self.ends_on:%-d %B}" if self.ends_on else words

    def covers(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)

    def limit_in(self, starts_on: date) -> int:
        """Return how many track sessions this pause leaves to the week from that Monday on."""
        ends_on = starts_on + timedelta(days=6)
        if self.reason == self.Reason.AWAY or ends_on < self.starts_on:
            return 2
        if self.ends_on is None or starts_on <= self.ends_on:
            return 0
        return 1 if starts_on <= self.ends_on + timedelta(weeks=self.gentle_weeks) else 2


class RacePerformanceQuerySet(models.QuerySet["RacePerformance"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.visible_to(user))

    def personal_records(self) -> Self:
        """Return the fastest race of each athlete at each distance."""
        faster = RacePerformance.objects.filter(
            Q(time_s__lt=models.OuterRef("time_s"))
            | Q(time_s=models.OuterRef("time_s"), pk__lt=models.OuterRef("pk")),
            athlete=models.OuterRef("athlete"),
            distance_m=models.OuterRef("distance_m"),
        )
        return self.filter(~models.Exists(faster))


class RacePerformance(models.Model):
    """One race result; every one is kept, and the PR is the fastest of them.

    `distance_m` keeps the millimetre (a mile is 1609.344 m), `time_s` the hundredth.
    `raced_on` is None where the day is not known. A race that does not show the athlete's form, on
    a short course or run as a pacer, is kept with `drives_paces` off: no pace comes from it.
    """

    class Surface(models.TextChoices):
        ROAD = "ROAD", "Road"
        TRACK = "TRACK", "Track"
        INDOOR = "INDOOR", "Indoor track"
        TRAIL = "TRAIL", "Trail"
        UNKNOWN = "UNKNOWN", "Not known"

    class Timing(models.TextChoices):
        AUTOMATIC = "AUTO", "Automatic"
        HAND = "HAND", "By hand"
        UNKNOWN = "UNKNOWN", "Not known"

    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="races")
    distance_m = models.DecimalField(max_digits=9, decimal_places=3)
    time_s = models.DecimalField(max_digits=8, decimal_places=2)
    raced_on = models.DateField(null=True, blank=True)
    surface = models.CharField(max_length=8, choices=Surface, default=Surface.UNKNOWN)
    timing = models.CharField(max_length=8, choices=Timing, default=Timing.UNKNOWN)
    drives_paces = models.BooleanField(default=True)
    note = models.CharField(max_length=120, blank=True)

    objects = RacePerformanceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(distance_m__range=RACED_M),
                name="race_distance_is_sane",
            ),
            models.CheckConstraint(condition=Q(time_s__gt=0), name="race_time_is_positive"),
            models.CheckConstraint(
                condition=Q(surface__in=["ROAD", "TRACK", "INDOOR", "TRAIL", "UNKNOWN"]),
                name="race_surface_is_known",
            ),
            models.CheckConstraint(
                condition=Q(timing__in=["AUTO", "HAND", "UNKNOWN"]), name="race_timing_is_known"
            ),
            models.UniqueConstraint(
                fields=["athlete", "distance_m", "time_s", "raced_on"],
                name="race_kept_once",
                violation_error_message="This result is in the list already.",
            ),
            models.UniqueConstraint(
                fields=["athlete", "distance_m", "time_s"],
                condition=Q(raced_on=None),
                name="race_undated_kept_once",
                violation_error_message="This result is in the list already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{distance_name(self.distance_m)} {format_clock(self.time_s)}"

    def as_race(self) -> Race:
        is_known = self.surface != self.Surface.UNKNOWN
        return Race(
            distance_m=self.distance_m,
            time_s=self.time_s,
            raced_on=self.raced_on,
            surface=self.get_surface_display().lower() if is_known else "",
            representative=self.drives_paces,
        )


class PaceOverrideQuerySet(models.QuerySet["PaceOverride"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.visible_to(user))

    def coached_by(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.coached_by(user))

    def current(self) -> Self:
        return self.filter(ended_at=None)


# The base class is made at run time, which mypy cannot follow.
class PaceOverrideManager(models.Manager.from_queryset(PaceOverrideQuerySet)):  # type: ignore[misc]
    def get_queryset(self) -> PaceOverrideQuerySet:
        """Fetch the coach with it: who set a pace belongs to what it says."""
        queryset: PaceOverrideQuerySet = super().get_queryset().select_related("set_by")
        return queryset


class PaceOverride(models.Model):
    """A pace that a coach has set by hand, in seconds per km from low (faster) to high.

    It is ended and never deleted, so that one can see later what an athlete trained by, and why.
    """

    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="pace_overrides")
    name = models.CharField("pace", max_length=12, choices=PACES)
    low_s_per_km = models.DecimalField(max_digits=7, decimal_places=3)
    high_s_per_km = models.DecimalField(max_digits=7, decimal_places=3)
    reason = models.CharField(max_length=120)
    set_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField()
    ended_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    objects = PaceOverrideManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["athlete", "name"],
                condition=Q(ended_at=None),
                name="override_one_per_pace",
                violation_error_message="Somebody else set this pace at the same moment.",
            ),
            models.CheckConstraint(
                condition=Q(name__in=list(PACES)), name="override_pace_is_known"
            ),
            models.CheckConstraint(
                condition=Q(low_s_per_km__range=PACE_S_PER_KM)
                & Q(high_s_per_km__range=PACE_S_PER_KM)
                & Q(low_s_per_km__lte=models.F("high_s_per_km")),
                name="override_goes_from_fast_to_slow",
            ),
            models.CheckConstraint(
                condition=Q(name="easy") | Q(low_s_per_km=models.F("high_s_per_km")),
                name="override_only_easy_is_a_range",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="override_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_name_display()} {self.source}"

    @property
    def is_current(self) -> bool:
        return self.ended_at is None

    @property
    def is_race(self) -> bool:
        return self.name not in TRAINING

    @property
    def source(self) -> str:
        return f"set by {self.set_by or 'a coach'}: {self.reason}"

    def as_pace(self) -> Pace:
        low, high = float(self.low_s_per_km) / 1000, float(self.high_s_per_km) / 1000
        return Pace(low, high, self.source, "high")

    def end(self, *, by: User, now: datetime) -> None:
        """Let the races say this pace again; ending it twice changes nothing."""
        PaceOverride.objects.current().filter(pk=self.pk).update(ended_at=now, ended_by=by)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, now: datetime) -> Self:
        return self.filter(accepted_at=None, expires_at__gt=now)

    def by_token(self, token: str) -> Self:
        return self.filter(token_hash=hash_token(token))


class Invitation(models.Model):
    """A coach's mail to an athlete to take up their account; good once, for seven days.

    Only a hash of the token is stored: a copy of the database opens no account.
    """

    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"invitation of {self.email}"

    def replace_older(self, *, now: datetime) -> None:
        """End the athlete's other open invitations."""
        others = Invitation.objects.open(now).filter(athlete=self.athlete_id).exclude(pk=self.pk)
        others.update(expires_at=now)

    def accept(self, *, user: User, now: datetime) -> None:
        """Tie the athlete to this user; exactly one caller gets through.

        :raises InvitationUsed: if it was accepted before, has expired, or the address differs
        """
        if user.email.lower() != self.email.lower():
            raise InvitationUsed
        try:
            with transaction.atomic():
                taken = Invitation.objects.open(now).filter(pk=self.pk).update(accepted_at=now)
                tied = taken and Athlete.objects.filter(
                    Q(user=None) | Q(user=user), pk=self.athlete_id
                ).update(user=user)
                if not tied:
                    raise InvitationUsed
        except IntegrityError as error:
            # The user is another athlete of this team already: athlete_one_per_user.
            raise InvitationUsed from error
