"""The week board: what is planned for whom, added, published, mailed."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST

from athletes.models import Athlete, Team
from athletes.requests import SiteRequest, coached_team, monday_of
from workouts import dashboard, planning
from workouts.forms import SessionForm
from workouts.models import Kind
from workouts.previews import SNIPPETS


def board_now(request: SiteRequest, slug: str) -> HttpResponse:
    """Send the coach to the week that is planned now: from Friday on the coming one."""
    coached_team(request, slug)
    return redirect("board", slug=slug, starts_on=monday_of(timezone.now().date() + timedelta(3)))


def board(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    team = coached_team(request, slug)
    context = board_context(request, team, starts_on)
    template = "workouts/_board.html" if request.htmx else "workouts/board.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def board_context(request: SiteRequest, team: Team, starts_on: date, **more: Any) -> dict[str, Any]:
    """Return what the board shows; group and page come from the query of the address."""
    groups = list(team.groups.order_by("name"))
    group = next((g for g in groups if str(g.pk) == request.GET.get("group")), None)
    page = request.GET.get("page", "")
    number = max(int(page), 1) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    shown = dashboard.board(
        chosen_athletes(team, group.pk if group else None),
        starts_on=starts_on,
        offset=(number - 1) * dashboard.PAGE_ROWS,
    )
    return {
        "team": team,
        "groups": groups,
        "group": group,
        "starts_on": starts_on,
        "days": [starts_on + timedelta(days=day) for day in range(7)],
        "earlier": starts_on - timedelta(days=7),
        "later": starts_on + timedelta(days=7),
        "this_week": monday_of(timezone.now().date()),
        "rows": shown.rows,
        "total": shown.total,
        "first": (number - 1) * dashboard.PAGE_ROWS + 1,
        "last": (number - 1) * dashboard.PAGE_ROWS + len(shown.rows),
        "previous_page": number - 1,
        "next_page": number + 1 if number * dashboard.PAGE_ROWS < shown.total else 0,
        "query": f"?group={group.pk}" if group else "",
        "legend": [(kind.letter, kind.label.lower()) for kind in Kind],
    } | more


def chosen_athletes(team: Team, group_id: int | None) -> QuerySet[Athlete]:
    athletes = Athlete.objects.filter(team=team)
    return athletes.filter(groups=group_id) if group_id else athletes


def group_of(request: SiteRequest, team: Team) -> int | None:
    """Return the group that the posted address filters by; one of another team is not there."""
    text = request.GET.get("group", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404
    return get_object_or_404(team.groups, pk=int(text)).pk


def session_add(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    """Add a session for one athlete, a group or all; say for whom it could not be placed."""
    team = coached_team(request, slug)
    if request.method != "POST":
        form = SessionForm(team=team, initial=request.GET.dict())
        template = "workouts/_session_add.html" if request.htmx else "workouts/session_add.html"
        response = render(request, template, add_context(request, team, starts_on, form))
        patch_vary_headers(response, ["HX-Request"])
        return response
    form = SessionForm(request.POST, team=team)
    verdicts: list[planning.Verdict] = []
    if form.is_valid():
        verdicts = planning.schedule_for(form.athletes(), starts_on=starts_on, **form.session())
    refused = [verdict for verdict in verdicts if verdict.refusal]
    placed = len(verdicts) - len(refused)
    if placed and not refused and not request.htmx:
        messages.success(request, placed_words(placed))
        return redirect(reverse("board", args=[slug, starts_on]) + board_query(request))
    context = add_context(request, team, starts_on, form) | {
        "refused": refused,
        "placed": placed,
        "placed_words": placed_words(placed) if placed else "",
        "nobody": form.is_valid() and not verdicts,
    }
    template = "workouts/_board.html" if request.htmx else "workouts/session_add.html"
    if request.htmx:
        context = board_context(request, team, starts_on) | context
        context["adding"] = bool(form.errors or refused or not verdicts)
    return render(request, template, context, status=200 if placed else 422)


def add_context(
    request: SiteRequest, team: Team, starts_on: date, form: SessionForm
) -> dict[str, Any]:
    return {
        "team": team,
        "starts_on": starts_on,
        "form": form,
        "query": board_query(request),
        "snippets": SNIPPETS,
    }


def board_query(request: SiteRequest) -> str:
    group = request.GET.get("group", "")
    return f"?group={group}" if group.isascii() and group.isdigit() else ""


def placed_words(placed: int) -> str:
    return "Added to one week." if placed == 1 else f"Added to {placed} weeks."


@require_POST
def week_publish(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    team = coached_team(request, slug)
    athletes = chosen_athletes(team, group_of(request, team))
    done = planning.publish_weeks(
        athletes, starts_on=starts_on, now=timezone.now(), by=request.user
    )
    parts = [f"{done.published} published"]
    if done.unchanged:
        parts.append(f"{done.unchanged} unchanged since they were published")
    if done.empty:
        parts.append(f"{done.empty} without a session, left alone")
    text = f"Weeks: {', '.join(parts)}."
    if done.without_paces:
        text += f" Without a race, and so without target times: {', '.join(done.without_paces)}."
    return board_answer(request, team, starts_on, text)


@require_POST
def week_send_now(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    team = coached_team(request, slug)
    athletes = chosen_athletes(team, group_of(request, team))
    waiting = planning.send_now(athletes, starts_on=starts_on, now=timezone.now())
    text = f"{waiting} mails go out within a minute. Reload to see them sent."
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
