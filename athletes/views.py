"""Pages of people: teams, athletes, races, invitations. Each begins with what its user may see."""

from datetime import date, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Value
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from athletes.accounts import MailUnavailable, send_invitation
from athletes.charts import distance_charts, vdot_chart
from athletes.forms import (
    AcceptForm,
    AthleteForm,
    GroupForm,
    PaceOverrideForm,
    PauseForm,
    RaceForm,
    RosterForm,
    TeamEditForm,
    TeamForm,
)
from athletes.models import (
    Athlete,
    Invitation,
    InvitationUsed,
    MailStop,
    Membership,
    PaceOverride,
    Pause,
    RacePerformance,
    Team,
    User,
    monday_of,
)
from athletes.records import TRAINING, by_distance, equivalents
from athletes.requests import SiteRequest, coached_team, form_page, is_coach
from athletes.roster import RosterRefused, import_roster


def home(request: SiteRequest) -> HttpResponse:
    """Send a coach to the board, an athlete to today, and anybody else to start a team."""
    team = Team.objects.coached_by(request.user).order_by("pk").first()
    if team:
        return redirect("board_now", slug=team.slug)
    if Athlete.objects.filter(user=request.user).exists():
        return redirect("today")
    return redirect("team_add")


@require_POST
@login_not_required
def theme_set(request: SiteRequest) -> HttpResponse:
    """Remember light, dark, or the device's own, and go back."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = reverse("home")
    response = HttpResponseRedirect(back)  # redirect() would take a word for the name of a page
    theme = request.POST.get("theme", "")
    if theme in ("light", "dark"):
        response.set_cookie("theme", theme, max_age=31_536_000, samesite="Lax", httponly=True)
    else:
        response.delete_cookie("theme")
    return response


def team_add(request: SiteRequest) -> HttpResponse:
    form = TeamForm(request.POST or None, initial={"coach": request.user.name})
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            team = Team.objects.create(name=form.cleaned_data["name"], slug=form.free_slug())
            team.memberships.create(user=request.user, role=Membership.Role.HEAD)
            User.objects.filter(pk=request.user.pk).update(name=form.cleaned_data["coach"])
        return redirect("roster", slug=team.slug)
    return form_page(request, "athletes/team_add.html", {"form": form})


def team_edit(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    form = TeamEditForm(request.POST or None, instance=coached_team(request, slug))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Kept. Weeks published from now on go by it.")
        return redirect("team_edit", slug=slug)
    return form_page(request, "athletes/team_edit.html", {"form": form, "team": team})


def roster(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    return render(request, "athletes/roster.html", roster_context(request, team))


def roster_context(request: SiteRequest, team: Team, **more: Any) -> dict[str, Any]:
    athletes = team.athletes.with_paces().prefetch_related("groups").order_by("name", "pk")
    page = Paginator(athletes, 50).get_page(request.GET.get("page"))
    today = timezone.now().date()
    rows = [(athlete, athlete.paces(today=today)) for athlete in page]
    return {"team": team, "page": page, "rows": rows, "group_form": GroupForm()} | more


@require_POST
def group_add(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    form = GroupForm(request.POST)
    form.instance.team = team
    if form.is_valid():
        form.save()
        messages.success(request, f"Group “{form.instance.name}” is there. Tick it at an athlete.")
        return redirect("roster", slug=slug)
    context = roster_context(request, team, group_form=form)
    return render(request, "athletes/roster.html", context, status=422)


def roster_import(request: SiteRequest, slug: str) -> HttpResponse:
    """Take in a squad from its spreadsheet, all of it or nothing; or only check it."""
    team = coached_team(request, slug)
    form = RosterForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"team": team, "form": form}
    if request.method == "POST" and form.is_valid():
        only_check = request.POST.get("action") != "import"
        try:
            context["report"] = import_roster(
                team,
                *form.files_read(),
                # Today where the day begins first: an athlete there may have raced already.
                today=(timezone.now() + timedelta(hours=14)).date(),
                dry_run=only_check,
            )
        except RosterRefused as error:
            context["errors"] = error.errors
        else:
            if not only_check:
                messages.success(request, f"Imported. {context['report']}.")
                return redirect("roster", slug=slug)
            return render(request, "athletes/roster_import.html", context)
    return form_page(request, "athletes/roster_import.html", context)


def athlete_add(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    form = AthleteForm(request.POST or None, team=team)
    if request.method == "POST" and form.is_valid():
        athlete = form.save()
        return redirect("athlete_detail", athlete_id=athlete.pk)
    return form_page(request, "athletes/athlete_form.html", {"form": form, "team": team})


def athlete_edit(request: SiteRequest, athlete_id: int) -> HttpResponse:
    athlete = get_object_or_404(
        Athlete.objects.coached_by(request.user).select_related("team"), pk=athlete_id
    )
    form = AthleteForm(request.POST or None, team=athlete.team, instance=athlete)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            if "track_limit" in form.changed_data:
                follow_limit(request, athlete)
        today = athlete.today(timezone.now())
        if athlete.needs_guardian(today) and not athlete.guardian_email:
            messages.warning(
                request,
                f"No mail goes to {athlete.name}, who is under 18, until a guardian's address "
                "stands here too.",
            )
        return redirect("athlete_detail", athlete_id=athlete_id)
    context = {"form": form, "team": athlete.team, "athlete": athlete}
    return form_page(request, "athletes/athlete_form.html", context)


def follow_limit(request: SiteRequest, athlete: Athlete) -> None:
    """Let the planned weeks follow the athlete's limit and pauses; name those that cannot yet."""
    kept = athlete.limit_changed(today=athlete.today(timezone.now()), by=request.user)
    if kept:
        weeks = ", ".join(f"{week.starts_on:%-d %B}" for week in kept)
        messages.warning(
            request,
            f"Planned already with more track sessions than that, and left as planned: week of "
            f"{weeks}. Each takes the new limit once you move or remove one there.",
        )


def pause_add(request: SiteRequest, athlete_id: int) -> HttpResponse:
    coached = Athlete.objects.coached_by(request.user).select_related("team")
    athlete = get_object_or_404(coached, pk=athlete_id)
    today = athlete.today(timezone.now())
    form = PauseForm(request.POST or None, athlete=athlete, initial={"starts_on": today})
    return pause_answer(request, athlete, form)


def pause_edit(request: SiteRequest, pause_id: int) -> HttpResponse:
    pauses = Pause.objects.coached_by(request.user).select_related("athlete__team")
    pause = get_object_or_404(pauses, pk=pause_id)
    form = PauseForm(request.POST or None, instance=pause, athlete=pause.athlete)
    return pause_answer(request, pause.athlete, form)


def pause_answer(request: SiteRequest, athlete: Athlete, form: PauseForm) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            messages.success(request, f"{athlete.name}: {form.instance}.")
            follow_limit(request, athlete)
        return redirect("athlete_detail", athlete_id=athlete.pk)
    context = {"form": form, "team": athlete.team, "athlete": athlete, "pause": form.instance}
    return form_page(request, "athletes/pause_form.html", context)


@require_POST
def pause_remove(request: SiteRequest, pause_id: int) -> HttpResponse:
    """Take a pause back that was a mistake; one that is over is ended by its last day."""
    pauses = Pause.objects.coached_by(request.user).select_related("athlete__team")
    pause = get_object_or_404(pauses, pk=pause_id)
    with transaction.atomic():
        pause.delete()
        messages.success(request, f"{pause.athlete.name}: no longer {pause}.")
        follow_limit(request, pause.athlete)
    return redirect("athlete_detail", athlete_id=pause.athlete_id)


def athlete_detail(request: SiteRequest, athlete_id: int) -> HttpResponse:
    athlete = visible_athlete(request, athlete_id)
    return render(request, "athletes/athlete_detail.html", detail_context(request, athlete))


def visible_athlete(request: SiteRequest, athlete_id: int) -> Athlete:
    visible = Athlete.objects.visible_to(request.user).with_paces().select_related("team")
    return get_object_or_404(visible, pk=athlete_id)


def detail_context(request: SiteRequest, athlete: Athlete, **more: Any) -> dict[str, Any]:
    """Return the page of races and paces; `athlete` comes with what its paces are read from."""
    now = timezone.now()
    today = athlete.today(now)
    races = athlete.races.all()
    records = set(athlete.races.personal_records().values_list("pk", flat=True))
    raced = [(race.as_race(), race.pk in records) for race in races]
    vdot = vdot_chart(raced, today=today)
    return {
        "athlete": athlete,
        "team": athlete.team,
        "is_coach": is_coach(request, athlete),
        "mail_off": athlete.why_no_mail(),
        "mail_stop": MailStop.objects.standing(Value(athlete.email)).first(),
        "copy_stop": athlete.guardian_email
        and MailStop.objects.standing(Value(athlete.guardian_email)).first(),
        "is_minor": athlete.needs_guardian(today),
        "pauses": athlete.pauses.late(since=today - timedelta(weeks=12)),
        "today": today,
        "monday": monday_of(today),
        "distances": by_distance(athlete, races, records=records),
        "charts": [*([vdot] if vdot else []), *distance_charts(raced, today=today)],
        "invitation": athlete.invitations.open(now).first(),
        "race_form": RaceForm(athlete=athlete, today=today),
        **paces_context(athlete, today=today),
    } | more


def paces_context(athlete: Athlete, *, today: date) -> dict[str, Any]:
    """Return the athlete's paces and times, and which of them a coach has set."""
    paces = athlete.paces(today=today)
    newest_first = sorted(
        athlete.pace_overrides.all(), key=lambda o: (o.set_at, o.pk), reverse=True
    )
    return {
        "paces": paces,
        "training": [(name, paces.pace(name)) for name in TRAINING] if paces else [],
        "equivalents": equivalents(paces) if paces else [],
        "overrides": {override.name: override for override in athlete.current_overrides()},
        "ended_overrides": [override for override in newest_first if not override.is_current],
        "override_form": PaceOverrideForm(units=athlete.units),
    }


@require_POST
def race_add(request: SiteRequest, athlete_id: int) -> HttpResponse:
    athlete = visible_athlete(request, athlete_id)
    form = RaceForm(request.POST, athlete=athlete, today=athlete.today(timezone.now()))
    if form.is_valid():
        race = form.save()
        messages.success(request, f"Kept: {race}.")
        return redirect("athlete_detail", athlete_id=athlete_id)
    context = detail_context(request, athlete, race_form=form)
    return render(request, "athletes/athlete_detail.html", context, status=422)


def race_edit(request: SiteRequest, race_id: int) -> HttpResponse:
    races = RacePerformance.objects.visible_to(request.user).select_related("athlete__team")
    race = get_object_or_404(races, pk=race_id)
    athlete, today = race.athlete, race.athlete.today(timezone.now())
    form = RaceForm(request.POST or None, instance=race, athlete=athlete, today=today)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, f"Changed: {race}.")
        return redirect("athlete_detail", athlete_id=athlete.pk)
    context = {
        "athlete": athlete,
        "team": athlete.team,
        "is_coach": is_coach(request, athlete),
        "race": race,
        "race_form": form,
    }
    return form_page(request, "athletes/race_form.html", context)


@require_POST
def race_remove(request: SiteRequest, race_id: int) -> HttpResponse:
    race = get_object_or_404(RacePerformance.objects.visible_to(request.user), pk=race_id)
    race.delete()
    messages.success(request, f"Removed: {race}.")
    return redirect("athlete_detail", athlete_id=race.athlete_id)


@require_POST
def override_add(request: SiteRequest, athlete_id: int) -> HttpResponse:
    """Set one pace of an athlete by hand; the one set before is ended and kept."""
    coached = Athlete.objects.coached_by(request.user).with_paces().select_related("team")
    athlete = get_object_or_404(coached, pk=athlete_id)
    form = PaceOverrideForm(request.POST, units=athlete.units)
    if form.is_valid():
        low, high = form.cleaned_data["pace"]
        override = athlete.override_pace(
            form.cleaned_data["name"],
            low=low,
            high=high,
            reason=form.cleaned_data["reason"],
            by=request.user,
            now=timezone.now(),
        )
        messages.success(request, f"{override.get_name_display()} pace is set.")
        return redirect("athlete_detail", athlete_id=athlete_id)
    context = detail_context(request, athlete, override_form=form)
    return render(request, "athletes/athlete_detail.html", context, status=422)


@require_POST
def override_end(request: SiteRequest, override_id: int) -> HttpResponse:
    override = get_object_or_404(PaceOverride.objects.coached_by(request.user), pk=override_id)
    override.end(by=request.user, now=timezone.now())
    messages.success(request, f"{override.get_name_display()} pace comes from the races again.")
    return redirect("athlete_detail", athlete_id=override.athlete_id)


@require_POST
def athlete_invite(request: SiteRequest, athlete_id: int) -> HttpResponse:
    athlete = get_object_or_404(
        Athlete.objects.coached_by(request.user).select_related("team"), pk=athlete_id
    )
    now = timezone.now()
    invitation, token = athlete.invite(by=request.user, now=now)
    try:
        send_invitation(invitation, athlete=athlete, token=token, coach=request.user)
    except MailUnavailable:
        invitation.delete()
        raise
    # Only now: a link that never left must not end the one that the athlete has.
    invitation.replace_older(now=now)
    messages.success(request, f"Invitation sent to {invitation.email}; it is good for 7 days.")
    return redirect("athlete_detail", athlete_id=athlete_id)


@never_cache
@login_not_required
def invitation_accept(request: SiteRequest, token: str) -> HttpResponse:
    """Show the invitation; on POST tie the athlete to the account, a new one if need be."""
    now = timezone.now()
    invitation = (
        Invitation.objects.open(now)
        .by_token(token)
        .select_related("athlete__team", "invited_by")
        .first()
    )
    if invitation is None:
        return render(request, "athletes/invitation_ended.html", status=404)
    if request.user.is_authenticated and request.user.email.lower() != invitation.email.lower():
        status = 409 if request.method == "POST" else 200
        return render(
            request, "athletes/invitation_other.html", {"invitation": invitation}, status=status
        )
    known = User.objects.filter(email__iexact=invitation.email).first()
    form = None
    if known is None:
        newcomer = User(email=invitation.email.lower(), name=invitation.athlete.name)
        form = AcceptForm(request.POST or None, user=newcomer)
    context = {"invitation": invitation, "form": form, "known": known}
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            return accept(request, invitation, form)
        except InvitationUsed:
            return render(request, "athletes/invitation_ended.html", status=409)
    return form_page(request, "athletes/invitation_accept.html", context)


def accept(request: SiteRequest, invitation: Invitation, form: AcceptForm | None) -> HttpResponse:
    """Take up an invitation: as the one logged in, or as a new account that is then logged in.

    :raises InvitationUsed: if somebody was faster, or another account is logged in
    """
    now = timezone.now()
    if form is None:
        if not request.user.is_authenticated:
            return redirect(f"{reverse('account_login')}?next={request.path}")
        invitation.accept(user=request.user, now=now)
        return redirect("today")
    with transaction.atomic():
        user = form.user
        user.set_password(form.cleaned_data["password"])
        user.save()
        # The token came by mail: whoever holds it reads that address.
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        invitation.accept(user=user, now=now)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect("today")
