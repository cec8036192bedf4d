"""Pages that the links of a mail lead to: no log-in, one purpose each. GET shows, POST acts.

A link opens one session, or one kind of mail, of one athlete; what it does not open looks the same,
whether it exists or not.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from functools import wraps
from typing import Any, NamedTuple
from uuid import UUID

from anymail.signals import AnymailTrackingEvent, EventType, tracking
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.dispatch import receiver
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from athletes.models import Athlete, MailKind, MailStop, Unsubscription, User, monday_of
from athletes.requests import SiteRequest, form_page, guesses_refused
from workouts import bounces, mails
from workouts.diary import Offer, days_to_move
from workouts.forms import CannotForm, MailForm, MoveForm
from workouts.mail_links import (
    LOG_WITHIN,
    LinkAltered,
    LinkExpired,
    Purpose,
    mark_of,
    read_session,
    read_unsubscribe,
)
from workouts.models import (
    Action,
    Delivery,
    Kind,
    PublishedPlan,
    Result,
    Session,
    TrackLimitReached,
    TrainingWeek,
    acting,
)
from workouts.views.athlete import keep_result, published_session, result_form

log = logging.getLogger(__name__)

MESSAGE_ID = re.compile(r"plan\.([0-9a-f-]{36})@")
Planned = dict[str, Any]  # a session of a published plan
Page = Callable[[SiteRequest, Session, Planned], HttpResponse]


# How it went, another day, cannot ----------------------------------------------------------------


def by_mail(purpose: Purpose) -> Callable[[Page], Callable[..., HttpResponse]]:
    """Make a page of a session one that is opened by the token of a mail."""

    def decorate(page: Page) -> Callable[..., HttpResponse]:
        @login_not_required
        @never_cache
        @wraps(page)
        def opened(request: SiteRequest, **token: str) -> HttpResponse:
            if refused := guesses_refused(request):
                return refused
            try:
                session, planned = session_of(purpose, token[f"{purpose}_token"])
                return page(request, session, planned)
            except LinkExpired:
                days = LOG_WITHIN.days if purpose == Purpose.DONE else 0
                return render(request, "workouts/mail_over.html", {"days": days}, status=410)
            except (LinkAltered, Session.DoesNotExist, Http404):
                return unknown(request)

        return opened

    return decorate


def session_of(purpose: Purpose, token: str) -> tuple[Session, Planned]:
    """Return the session that a link is for, and that as the athlete knows it.

    :raises LinkExpired: if the time of the link is over
    :raises LinkAltered: if it was made for something else, or sent to another address
    :raises Session.DoesNotExist: if the session is gone
    :raises Http404: if it is in the athlete's published plan no more
    """
    now = timezone.now()
    link = read_session(purpose, token, now=now)
    rows = Session.objects.select_related("week__athlete__team", "week__athlete__user")
    session = rows.get(pk=link.session_id)
    athlete = session.week.athlete
    if link.mark != mark_of(athlete.email):
        raise LinkAltered
    return session, published_session(session, released_on=athlete.today(now))


def unknown(request: SiteRequest) -> HttpResponse:
    """Answer a link that opens nothing; who tries many of them is told to wait."""
    refused = guesses_refused(request, is_guess=True)
    return refused or render(request, "workouts/mail_unknown.html", status=404)


def page_context(session: Session, planned: Planned) -> dict[str, Any]:
    return {
        "session": planned,
        "units": session.week.athlete.units.lower(),
        "result": Result.objects.filter(session=session).prefetch_related("splits").first(),
    }


@by_mail(Purpose.DONE)
def mail_done(request: SiteRequest, session: Session, planned: Planned) -> HttpResponse:
    """Log how a session went; the link shows what was logged, and takes it anew."""
    form = result_form(request, session, planned)
    if request.method == "POST" and form.is_valid():
        keep_result(form, by=session.week.athlete.user)
        return redirect(request.path)
    today = session.week.athlete.today(timezone.now())
    context = page_context(session, planned) | {"form": form, "today": today}
    return form_page(request, "workouts/mail_done.html", context)


@by_mail(Purpose.CANNOT)
def mail_cannot(request: SiteRequest, session: Session, planned: Planned) -> HttpResponse:
    """Tell the coach that a session is missed, and why; or that it is not."""
    context = page_context(session, planned)
    result = context["result"]
    form = CannotForm(request.POST or None, initial={"reason": result.comment if result else ""})
    if "back" in request.POST:
        if Result.objects.take_back(session):
            messages.success(request, "Taken back. Your coach sees that you train.")
        return redirect(request.path)
    if request.method == "POST" and form.is_valid():
        by, reason = session.week.athlete.user, form.cleaned_data["reason"]
        if Result.objects.call_off(session, reason=reason, by=by, now=timezone.now()):
            return redirect(request.path)
        context = page_context(session, planned)  # it was run, as was told meanwhile
        result = context["result"]
    was_run = result is not None and result.outcome != Result.Outcome.MISSED
    context |= {"form": form, "was_run": was_run}
    return form_page(request, "workouts/mail_cannot.html", context)


@by_mail(Purpose.MOVE)
def mail_move(request: SiteRequest, session: Session, planned: Planned) -> HttpResponse:
    """Move a session to a day that the rule allows; the coach publishes the week anew."""
    context = page_context(session, planned)
    form = MoveForm(request.POST or None)
    was_on = date.fromisoformat(planned["on"])
    if request.method == "POST" and form.is_valid() and context["result"] is None:
        on = form.cleaned_data["on"]
        if on == day_known(session, was_on) or moved(session, on, was_on=was_on):
            return redirect(request.path)
        session.refresh_from_db()
        form.add_error("on", "It does not fit on that day any more. Choose one of these.")
    context |= {
        "form": form,
        "days": days_offered(session, was_on=was_on),
        "on": day_known(session, was_on),
        "was_on": was_on,
    }
    return form_page(request, "workouts/mail_move.html", context)


def day_known(session: Session, was_on: date) -> date:
    """Return the day of a session as its athlete knows it, who has read the plan: `was_on`.

    That is where the athlete has moved it; where the coach has, the plan is not published yet.
    """
    for row in session.history.select_related("action").order_by("-history_id"):
        if (row.week_id, row.weekday) != (session.week_id, session.weekday):
            break
        if row.action and row.action.path == Action.Path.MAIL:
            return session.on
    return was_on


def legal_days(session: Session, *, was_on: date) -> Offer:
    """Return the days that are left to move a session to, as the board would offer them.

    They are of the published week and the next, however often the session is moved.
    """
    found = days_to_move(session, known_on=day_known(session, was_on), monday=monday_of(was_on))
    return found.since(session.week.athlete.today(timezone.now()))


class DayChoice(NamedTuple):
    """A day that a session can be moved to, what is published for it already, what is near it."""

    on: date
    beside: str
    is_close: bool
    is_next: bool  # it lies in the week after

    @property
    def note(self) -> str:
        said = (
            "next week" if self.is_next else "",
            f"beside {self.beside}" if self.beside else "",
            "close to a hard day" if self.is_close else "",
        )
        return ", ".join(filter(None, said))

    @property
    def is_free(self) -> bool:
        return not self.beside and not self.is_close


def days_offered(session: Session, *, was_on: date) -> list[DayChoice]:
    """Return the days to choose from, those that are free first."""
    monday = monday_of(was_on)
    known = known_sessions(session, since=monday)
    days = [
        DayChoice(day.on, ", ".join(known[day.on]), bool(day.doubts), monday_of(day.on) > monday)
        for day in legal_days(session, was_on=was_on).days
    ]
    return sorted(days, key=lambda day: (not day.is_free, day.on))


def known_sessions(session: Session, *, since: date) -> dict[date, list[str]]:
    """Return what else the athlete knows to run on each day of two weeks, by title."""
    athlete = session.week.athlete
    plans = PublishedPlan.objects.latest_revisions().released(
        athlete, today=athlete.today(timezone.now())
    )
    weeks = (since, since + timedelta(days=7))
    found: dict[date, list[str]] = defaultdict(list)
    for plan in plans.filter(week__athlete=athlete, week__starts_on__in=weeks):
        for planned in plan.content["sessions"]:
            if planned["id"] != session.pk and planned["kind"] != Kind.REST:
                found[date.fromisoformat(planned["on"])].append(planned["title"])
    return found


def moved(session: Session, on: date, *, was_on: date) -> bool:
    """Move a session on its athlete's word; False if the day is not, or no longer, offered.

    The day may be where it stands, in a draft: then the athlete has said so too.
    """
    athlete, known_on = session.week.athlete, day_known(session, was_on)
    label = f"{athlete.name} moved {session.title} from {known_on:%A %-d %B} to {on:%A %-d %B}"
    try:
        if on not in {day.on for day in legal_days(session, was_on=was_on).days}:
            return False
        with acting(team=athlete.team, by=athlete.user, path=Action.Path.MAIL, label=label):
            week = TrainingWeek.objects.open_for(athlete, monday_of(on))
            week.move(session, weekday=on.isoweekday())
    except (TrackLimitReached, Session.DoesNotExist):
        return False
    return True


# Mail on and off ---------------------------------------------------------------------------------


@csrf_exempt
@login_not_required
@never_cache
def mail_unsubscribe(request: SiteRequest, unsubscribe_token: str) -> HttpResponse:
    """Stop one kind of mail by POST, at once and whoever asks (RFC 8058); by GET only ask.

    A POST is never made to wait: a mail provider speaks for all its readers from one address.
    """
    if request.method != "POST" and (refused := guesses_refused(request)):
        return refused
    try:
        link = read_unsubscribe(unsubscribe_token)
    except LinkAltered:
        return unknown(request)
    athletes = Athlete.objects.select_related("team").prefetch_related("unsubscriptions")
    athlete = athletes.filter(pk=link.athlete_id).first()
    if athlete is None or link.kind not in MailKind:
        return unknown(request)
    is_here = link.mark == mark_of(athlete.email)  # else no mail goes to that address any more
    if request.method == "POST" and is_here:
        set_mail(athlete, MailKind(link.kind), on="again" in request.POST)
    is_off = athlete.unsubscriptions.filter(kind=link.kind).exists()
    context = {
        "team": athlete.team,
        "kind": MailKind(link.kind),
        "is_off": is_off or not is_here,
        "can_be_on": is_off and is_here,
    }
    return render(request, "workouts/mail_unsubscribe.html", context)


def set_mail(athlete: Athlete, kind: MailKind, *, on: bool) -> None:
    """Stop one kind of mail, or let it come again to whom its link was sent."""
    now = timezone.now()
    if on:
        athlete.unsubscriptions.filter(kind=kind).delete()
        Delivery.objects.wanted_again(athlete, now=now)
    else:
        Unsubscription.objects.note(athlete, kind, now=now)
        Delivery.objects.filter(plan__week__athlete=athlete).drop_unwanted(now=now)


KINDS = {bounces.HARD: MailStop.Kind.BOUNCE, bounces.SOFT: MailStop.Kind.SOFT}


@receiver(tracking)
def hear_of_mail(event: AnymailTrackingEvent, **_: Any) -> None:
    """Take in what a mail provider tells of a mail; told twice, it changes nothing."""
    kind = kind_of(event)
    if kind is None or not event.recipient:
        return
    at = event.timestamp or timezone.now()
    said = (event.mta_response or event.description or "")[:300]
    event_id = event.event_id or at.isoformat()
    mail = (event.message_id or event_id)[:200]
    found = MESSAGE_ID.search(event.message_id or "")
    for email in addresses_of(event.recipient.lower()):
        with transaction.atomic():
            is_news = MailStop.objects.note(
                email=email, event_id=event_id, kind=kind, at=at, said=said, mail=mail
            )
            if is_news and found and kind != MailStop.Kind.COMPLAINT:
                Delivery.objects.bounce(UUID(found[1]), email=email, said=said or "it bounced")
        MailStop.objects.add_up(email)
        athlete = "plan__week__athlete"
        reads = Q(**{f"{athlete}__email__iexact": email})
        reads |= Q(**{f"{athlete}__guardian_email__iexact": email})
        # So that the coach hears of it before the hour.
        Delivery.objects.filter(reads).drop_unwanted(now=timezone.now())
        if is_news:
            log.warning("mail to %s: %s", email, kind.label)


def addresses_of(recipient: str) -> set[str]:
    """Return a receiver of mail as the provider names it, and as our books do, in small letters.

    A domain in other letters than ASCII is written otherwise on the wire, and not in one way: the
    mail to grün-weiß.example goes to that of grün-weiss.example.
    """
    found, mailbox = {recipient}, recipient.rpartition("@")[0]
    books: tuple[tuple[Any, str], ...] = (
        (Athlete, "email"),
        (Athlete, "guardian_email"),
        (User, "email"),
    )
    for model, field in books:
        rows = model.objects.filter(**{f"{field}__istartswith": f"{mailbox}@"})
        # In the small letters of the database, by which a stop is looked up.
        written = rows.values_list(Lower(field), flat=True)
        found |= {one for one in written if on_the_wire(one) == on_the_wire(recipient)}
    return found


def on_the_wire(email: str) -> str:
    """Return an address as it is told to the mail server, "" where it cannot be."""
    try:
        return mails.address("", email).lower()
    except ValueError:
        return ""


def kind_of(event: AnymailTrackingEvent) -> MailStop.Kind | None:
    """Return what an event says against an address, None if nothing."""
    if event.event_type == EventType.COMPLAINED:
        return MailStop.Kind.COMPLAINT
    if event.event_type != EventType.BOUNCED:
        return None
    weight = bounces.weight(
        event.esp_event, reason=event.reject_reason, answer=event.mta_response or ""
    )
    return KINDS.get(weight)


def mail_settings(request: SiteRequest, athlete_id: int) -> HttpResponse:
    """Let athletes say which mails they want. It is theirs alone to say, not their coach's."""
    own = Athlete.objects.filter(user=request.user).select_related("team")
    athlete = get_object_or_404(own, pk=athlete_id)
    now = timezone.now()
    # Whose address it is has been confirmed for the account, not for what a coach typed.
    is_own_address = athlete.email.lower() == request.user.email.lower()
    off = athlete.unsubscriptions.values_list("kind", flat=True)
    wanted = [kind for kind in MailKind.values if kind not in set(off)]
    form = MailForm(request.POST or None, initial={"kinds": wanted})
    if request.method == "POST" and "again" in request.POST:
        if is_own_address:
            MailStop.objects.lift(athlete.email, now=now)
            Delivery.objects.wanted_again(athlete, now=now)
        return redirect(request.path)
    if request.method == "POST" and form.is_valid():
        athlete.want_mail(form.cleaned_data["kinds"], now=now)
        Delivery.objects.wanted_again(athlete, now=now)
        messages.success(request, "Kept.")
        return redirect(request.path)
    context = {
        "athlete": athlete,
        "is_coach": False,
        "form": form,
        "stop": MailStop.objects.standing(Value(athlete.email)).first(),
        "is_own_address": is_own_address,
    }
    return form_page(request, "workouts/mail_settings.html", context)
