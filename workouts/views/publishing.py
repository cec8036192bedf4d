"""Publishing: a look at it before, weeks of a group or of one athlete, and what was sent before."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import retarget

from athletes.models import Athlete, Team
from athletes.requests import SiteRequest, coached_team
from workouts import mail_room, planning
from workouts.forms import PublishForm
from workouts.models import PublishedPlan
from workouts.planning import Prospect, Publication
from workouts.revisions import brief, changes
from workouts.views.weeks import board_context, board_query, chosen_athletes, group_of
from workouts.wording import plan_context


@require_http_methods(["GET", "HEAD", "POST"])
def week_publish(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    """Show what would be published for the team, or for the group of the address; or publish it."""
    team = coached_team(request, slug)
    group_id = group_of(request, team)
    athletes = chosen_athletes(team, group_id)
    form = PublishForm(request.POST if request.method == "POST" else request.GET)
    if request.method == "POST" and form.is_valid():
        done = publish(request, athletes, starts_on, form)
        return board_answer(request, team, starts_on, publication_words(done))
    groups = list(team.groups.order_by("name"))
    context = {
        "team": team,
        "groups": groups,
        "group": next((group for group in groups if group.pk == group_id), None),
        "publish_url": reverse("week_publish", args=[slug, starts_on]),
        "query": board_query(request),
        "back_url": reverse("board", args=[slug, starts_on]) + board_query(request),
    }
    return publish_look(request, athletes, starts_on, form, context)


@require_http_methods(["GET", "HEAD", "POST"])
def athlete_publish(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    """Show what would be published for one athlete, or publish it."""
    athlete = coached_athlete(request, athlete_id)
    form = PublishForm(request.POST if request.method == "POST" else request.GET)
    back_url = reverse("athlete_week", args=[athlete_id, starts_on])
    if request.method == "POST" and form.is_valid():
        done = publish(request, [athlete], starts_on, form)
        messages.success(request, publication_words(done))
        return redirect(back_url)
    context = {
        "team": athlete.team,
        "athlete": athlete,
        "publish_url": reverse("athlete_publish", args=[athlete_id, starts_on]),
        "back_url": back_url,
    }
    return publish_look(request, [athlete], starts_on, form, context)


def coached_athlete(request: SiteRequest, athlete_id: int) -> Athlete:
    coached = Athlete.objects.coached_by(request.user).select_related("team")
    return get_object_or_404(coached, pk=athlete_id)


def publish(
    request: SiteRequest, athletes: Iterable[Athlete], starts_on: date, form: PublishForm
) -> Publication:
    return planning.publish_weeks(
        athletes, starts_on=starts_on, now=timezone.now(), by=request.user, **form.cleaned_data
    )


def publish_look(
    request: SiteRequest,
    athletes: Iterable[Athlete],
    starts_on: date,
    form: PublishForm,
    context: dict[str, Any],
) -> HttpResponse:
    """Answer with what publishing would do; with the form's refusal where it asks for too much."""
    is_good = form.is_valid()
    ahead = form.cleaned_data["ahead"] if is_good else 0
    found = planning.prospects(athletes, starts_on=starts_on, now=timezone.now(), ahead=ahead)
    context |= prospect_context(found) | {"form": form, "starts_on": starts_on, "ahead": ahead}
    template = "workouts/_publish.html" if request.htmx else "workouts/publish.html"
    response = render(request, template, context, status=200 if is_good else 422)
    patch_vary_headers(response, ["HX-Request"])
    return retarget(response, "#adding") if request.htmx and not is_good else response


def prospect_context(found: Sequence[Prospect]) -> dict[str, Any]:
    """Sort the prospects by what becomes of them, as the page lists them."""
    sorts = {
        state: [one for one in found if one.state == state]
        for state in ("again", "first", "same", "none")
    }
    return {
        **sorts,
        "again": [(one, brief(one.changes)) for one in sorts["again"]],
        "count": len(sorts["again"]) + len(sorts["first"]),
        "unpaced": list(dict.fromkeys(one.athlete for one in found if one.without_paces)),
        "doubtful": [one for one in found if one.doubts],
    }


def publication_words(done: Publication) -> str:
    parts = [f"{done.published} published"]
    if done.unchanged:
        parts.append(f"{done.unchanged} unchanged since they were published")
    if done.as_sent:
        parts.append(f"{done.as_sent} not mailed, as nothing changed since it was sent")
    if done.empty:
        parts.append(f"{done.empty} without a session, left alone")
    text = f"Weeks: {', '.join(parts)}."
    if done.settling:
        minutes = settings.CHANGE_MAIL_SETTLES_MINUTES
        text += f" Changes are mailed {minutes} minutes after the last edit."
    if done.without_paces:
        text += f" Without a race, and so without target times: {', '.join(done.without_paces)}."
    return text


@require_POST
def week_send_now(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    team = coached_team(request, slug)
    if team.mails_paused_at:
        text = f"Nothing was sent: {mail_room.ALL_PAUSED}"
        return board_answer(request, team, starts_on, text)
    athletes = chosen_athletes(team, group_of(request, team))
    waiting = planning.send_now(athletes, starts_on=starts_on, now=timezone.now())
    mails = "1 mail goes" if waiting == 1 else f"{waiting} mails go"
    text = f"{mails} out within a minute. Reload to see them sent."
    if not waiting:
        text = (
            "No mail of this week waits. Publish it first; mails already due go out by themselves."
        )
    return board_answer(request, team, starts_on, text)


def board_answer(request: SiteRequest, team: Team, starts_on: date, text: str) -> HttpResponse:
    if not request.htmx:
        messages.success(request, text)
        return redirect(reverse("board", args=[team.slug, starts_on]) + board_query(request))
    context = board_context(request, team, starts_on, answer=text)
    return render(request, "workouts/_board.html", context)


def week_revision(
    request: SiteRequest, athlete_id: int, starts_on: date, revision: int
) -> HttpResponse:
    """Show one revision of a week to its coach, as it was published, and what was new in it."""
    athlete = coached_athlete(request, athlete_id)
    plans = PublishedPlan.objects.filter(week__athlete=athlete, week__starts_on=starts_on)
    plan = get_object_or_404(plans.select_related("delivery", "published_by"), revision=revision)
    before = plans.filter(revision=revision - 1).first()
    context = plan_context(plan.content) | {
        "athlete": athlete,
        "team": athlete.team,
        "starts_on": starts_on,
        "published": plan,
        "changes": changes(before.content, plan.content) if before else (),
        "revisions": list(plans.order_by("-revision").values_list("revision", flat=True)),
    }
    return render(request, "workouts/week_revision.html", context)
