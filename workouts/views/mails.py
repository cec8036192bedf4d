"""The mails of a team: who gets what and when, what was sent, and the switches."""

from datetime import datetime

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace, csp_update
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Value
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from athletes.forms import DigestForm
from athletes.models import Athlete, MailStop, Membership, Team, User
from athletes.requests import SiteRequest, coached_team
from workouts import delivery as post_office
from workouts import mail_room
from workouts.dashboard import PAGE_ROWS
from workouts.models import Delivery, PublishedPlan, SentMail

MAY_HAVE_GONE = (
    Delivery.State.SENT,
    Delivery.State.BOUNCED,
    Delivery.State.TRANSMITTING,
    Delivery.State.UNCLEAR,
)


def mails(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    return mails_page(request, team, DigestForm(member=member_of(request, team)))


def mails_page(request: SiteRequest, team: Team, form: DigestForm) -> HttpResponse:
    now = timezone.now()
    room = mail_room.room(team, now=now)
    only_trouble = request.GET.get("show") == "trouble"
    rows = room.troubled if only_trouble else room.rows
    going = room.going
    context = {
        "team": team,
        "room": room,
        "page": Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page")),
        "only_trouble": only_trouble,
        "first": going[0] if going else None,
        "last": going[-1] if going else None,
        "progress": mail_room.progress(team, since=now - mail_room.RUN, now=now),
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "workouts/mails.html", context, status=status)


def member_of(request: SiteRequest, team: Team) -> Membership:
    return Membership.objects.select_related("user").get(team=team, user=request.user)


def mails_progress(request: SiteRequest, slug: str) -> HttpResponse:
    """Answer how far a run has come; the page asks again while mails wait."""
    team = coached_team(request, slug)
    now = timezone.now()
    since = instant(request.GET.get("since", "")) or now - mail_room.RUN
    context = {"team": team, "progress": mail_room.progress(team, since=since, now=now)}
    return render(request, "workouts/_mails_progress.html", context)


def instant(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


@require_POST
def mails_pause(request: SiteRequest, slug: str) -> HttpResponse:
    """Let the team's mails wait, or go again; those that are due by then go out at once."""
    team = coached_team(request, slug)
    teams = Team.objects.filter(pk=team.pk)
    if "pause" in request.POST:
        teams.filter(mails_paused_at=None).update(mails_paused_at=timezone.now())
        words = "Mails are paused. Those on their way arrive yet; all others wait."
    else:
        teams.update(mails_paused_at=None)
        words = "Mails go again. What is due goes out within a minute."
    messages.success(request, words)
    return redirect("mails", slug=slug)


@require_POST
def digest_set(request: SiteRequest, slug: str) -> HttpResponse:
    """Switch the coach's own morning mail on or off."""
    team = coached_team(request, slug)
    member = member_of(request, team)
    form = DigestForm(request.POST, member=member)
    if not form.is_valid():
        return mails_page(request, team, form)
    at, zone = form.cleaned_data["digest_at"], form.cleaned_data["time_zone"]
    Membership.objects.filter(pk=member.pk).update(digest_at=at)
    User.objects.filter(pk=request.user.pk).update(time_zone=zone)
    words = f"Your morning mail comes at {at:%H:%M}, {zone}." if at else "No morning mail for you."
    messages.success(request, words)
    return redirect("mails", slug=slug)


def coached_mail(request: SiteRequest, mail_id: int) -> Delivery:
    """Return a mail of an athlete whom this user coaches."""
    coached = Delivery.objects.filter(
        plan__week__athlete__in=Athlete.objects.coached_by(request.user)
    )
    found = coached.with_stops().select_related("plan__week__athlete__team", "plan__published_by")
    return get_object_or_404(found, pk=mail_id)


def copy_of(delivery: Delivery) -> tuple[mail_room.Opened, bool]:
    """Return a mail as it was sent, or as it would be drawn now, and whether it was kept."""
    if kept := SentMail.objects.filter(delivery=delivery.pk).first():
        return mail_room.opened(kept.in_bytes), True
    bag = post_office.Bag.of(Delivery.objects.filter(pk=delivery.pk))
    drawn = post_office.plan_message(bag.deliveries[delivery.pk], bag=bag)
    return mail_room.opened(drawn.in_bytes), False


# The page may show the mail in a frame of our own, and nothing else. (django-csp is typed for views
# of any HttpRequest; ours take the one that the middleware has made of it.)
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]
def mail_detail(request: SiteRequest, mail_id: int) -> HttpResponse:
    """Show one mail, text and HTML side by side, and where it stands."""
    delivery = coached_mail(request, mail_id)
    mail, is_kept = copy_of(delivery)
    athlete, plan = delivery.plan.week.athlete, delivery.plan
    now = timezone.now()
    newer = PublishedPlan.objects.filter(week=plan.week_id, revision__gt=plan.revision)
    is_newest = not newer.told().exists()
    stops = MailStop.objects.standing(Value(athlete.email))
    is_kept_back = athlete.team.mails_paused_at or stops or delivery.why_held(now=now)
    can_go = is_newest and delivery.not_after > now and not is_kept_back
    context = {
        "team": athlete.team,
        "athlete": athlete,
        "is_coach": True,
        "delivery": delivery,
        "plan": plan,
        "mail": mail,
        "is_kept": is_kept,
        "may_have_gone": delivery.state in MAY_HAVE_GONE,
        "standing": mail_room.standing(delivery, now=now),
        "send": mail_room.send_words(delivery, now=now) if can_go else "",
    }
    return render(request, "workouts/mail.html", context)


# A mail brings its own styles. Nothing in it can run, load or lead anywhere: it is a sandbox.
@xframe_options_sameorigin
@csp_replace(  # type: ignore[arg-type]
    {
        "default-src": [NONE],
        "script-src": None,
        "img-src": None,
        "font-src": None,
        "connect-src": None,
        "style-src": [UNSAFE_INLINE],
        "form-action": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [SELF],
        "sandbox": True,
    }
)
def mail_html(request: SiteRequest, mail_id: int) -> HttpResponse:
    """Answer the HTML part of a mail, for the frame of its page."""
    mail, _ = copy_of(coached_mail(request, mail_id))
    return HttpResponse(mail.html)


@require_POST
def mail_send(request: SiteRequest, mail_id: int) -> HttpResponse:
    """Let one mail go now: before its hour, after it failed, or once more after it was sent."""
    delivery = coached_mail(request, mail_id)
    name, team = delivery.plan.week.athlete.name, delivery.plan.week.athlete.team
    if team.mails_paused_at:
        messages.warning(request, f"Nothing was sent to {name}: {mail_room.ALL_PAUSED}")
    elif let_go(delivery, now=timezone.now()):
        messages.success(request, f"The mail to {name} goes out within a minute.")
    else:
        messages.warning(request, f"Nothing was sent: the mail to {name} does not wait any more.")
    return redirect(reverse("mails", args=[team.slug]))


def let_go(delivery: Delivery, *, now: datetime) -> bool:
    """Let a mail go at once, or a second copy of it; False if it cannot, or nobody may get it."""
    rows = Delivery.objects.filter(pk=delivery.pk)
    if delivery.state in (Delivery.State.SENT, Delivery.State.UNCLEAR):
        is_going = delivery.send_again(now=now)
    else:
        is_going = bool(rows.send_now(now=now))
    rows.drop_unwanted(now=now)
    return is_going and not rows.filter(state__in=["SKIPPED", "SENT"]).exists()
