"""The week board: what is planned for whom, and sessions added for one or many."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from athletes.models import Athlete, Team, monday_of
from athletes.requests import SiteRequest, coached_team
from workouts import dashboard, planning, verdicts
from workouts.diary import LAST_DAY
from workouts.forms import SessionForm
from workouts.models import Action, Kind, Session, Workout, relabel
from workouts.planning import Draft, Verdict
from workouts.previews import SNIPPETS
from workouts.spacing import Doubt
from workouts.views.once import Once, already


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
    """Look for whom a session fits, or add it; say who does not get it, and what fits instead.

    One form serves all: `preview` only looks; `twin` and `day` place it off the track, or on
    another day, for some who were refused; without any of these it is added for all it fits.
    """
    team = coached_team(request, slug)
    if request.method != "POST":
        # Whom the board shows is whom the session is for, unless the address says otherwise.
        shown = {"whom": f"group-{request.GET.get('group', '')}"}
        form = SessionForm(team=team, initial=shown | request.GET.dict())
        template = "workouts/_session_add.html" if request.htmx else "workouts/session_add.html"
        response = render(request, template, add_context(request, team, starts_on, form))
        patch_vary_headers(response, ["HX-Request"])
        return response
    form = SessionForm(request.POST, team=team)
    if not form.is_valid():
        return add_answer(request, team, starts_on, form, status=422)
    once = Once.of(request)
    if "preview" not in request.POST and (earlier := once.done()):
        return added_already(request, team, starts_on, form, earlier)
    done, left, refusal = place_or_look(request, form, starts_on, once)
    words = placed_words(form, done, len(done) + len(left))
    doubts = verdicts.raised(done)
    last = Action.objects.undoable(team=team, by=request.user, now=timezone.now()).first()
    undo_id = last.pk if done and last else None
    if done and not left and not request.htmx:
        messages.success(request, f"{words} {doubt_words(doubts)}".strip())
        query = request.GET.dict() | ({"did": undo_id} if undo_id else {})
        return redirect(f"{reverse('board', args=[slug, starts_on])}?{urlencode(query)}")
    more: dict[str, Any] = {"placed": len(done), "placed_words": words, "raised": doubts}
    more["undo_id"] = undo_id
    more["refusal"] = refusal or (
        "preview" not in request.POST and not done and "Nothing was added."
    )
    more |= left_over(left, form)
    more["nobody"] = not done and not left
    is_good = done or (left and "preview" in request.POST)
    return add_answer(request, team, starts_on, form, status=200 if is_good else 422, **more)


def left_over(left: Sequence[Verdict], form: SessionForm) -> dict[str, Any]:
    """Return what the page shows of those who do not have the session; nothing without any."""
    if not left:
        return {}
    return {
        "tally": verdicts.tally(left, session=form.session(), now=timezone.now()),
        "boxes": boxes(left, form),
        "only": ",".join(str(verdict.athlete.pk) for verdict in left),
    }


def added_already(
    request: SiteRequest, team: Team, starts_on: date, form: SessionForm, done: Action
) -> HttpResponse:
    """Say what became of a form that is sent again, and look at those who have nothing of it."""
    # Of one that was undone, nobody has anything.
    kept = Session.history.filter(action=done, action__undone_by=None)
    have = set(kept.values_list("week__athlete", flat=True))
    others = [one for one in form.athletes() if one.pk not in have]
    left = look(form, others, starts_on, only_look=True)
    told = already(done, "Added")
    if not left and not request.htmx:
        messages.info(request, told)
        return redirect(reverse("board", args=[team.slug, starts_on]) + board_query(request))
    more = {"placed": True, "placed_words": told} | left_over(left, form)
    return add_answer(request, team, starts_on, form, status=200, **more)


def look(
    form: SessionForm, athletes: Sequence[Athlete], starts_on: date, **how: Any
) -> list[Verdict]:
    # Who is chosen by name is wanted, with target times or without.
    skip = set(planning.LEFT_OUT) - {*form.ticked, *(["no_race"] if form.is_for_one else [])}
    return planning.schedule_for(athletes, starts_on=starts_on, skip=skip, **how, **form.session())


def place_or_look(
    request: SiteRequest, form: SessionForm, starts_on: date, once: Once
) -> tuple[list[Verdict], list[Verdict], str]:
    """Do what the button says: who has the session now, how it is with the others, what failed."""
    athletes = list(form.athletes())
    if "preview" in request.POST:
        return [], look(form, athletes, starts_on, only_look=True), ""
    path = Action.Path.FORM if form.is_for_one else Action.Path.GROUP
    is_instead = "twin" in request.POST or "day" in request.POST
    with once.acting(team=form.team, by=request.user, path=path, label="Added a session") as action:
        if is_instead:
            looked = planning.place(drafts_instead(form, athletes, starts_on))
        else:
            is_strict = "all_or_nothing" in request.POST
            looked = look(form, athletes, starts_on, all_or_nothing=is_strict)
        done = [verdict for verdict in looked if verdict.session]
        if done:
            weeks = "one week" if len(done) == 1 else f"{len(done)} weeks"
            relabel(action, f"Added {form.session()['title']} to {weeks}")
    refusal = ""
    if is_instead:
        refusal = " ".join(verdict.refusal for verdict in looked)
        have = {verdict.athlete.pk for verdict in done}
        others = [one for one in athletes if one.pk not in have]
        looked = look(form, others, starts_on, only_look=True)
    return done, [verdict for verdict in looked if not verdict.session], refusal.strip()


def boxes(left: Sequence[Verdict], form: SessionForm) -> list[tuple[str, str]]:
    """Return which boxes take those in who are left out, or took them in: value and label."""
    labels = {"paused": "paused", "busy": "busy on that day", "no_race": "without a race"}
    reasons = {verdict.reason for verdict in left} | set(form.ticked)
    return [(reason, labels[reason]) for reason in planning.LEFT_OUT if reason in reasons]


def drafts_instead(form: SessionForm, athletes: Sequence[Athlete], starts_on: date) -> list[Draft]:
    """Return what the coach takes of the offers: the twin for some, another day for one."""
    session = form.session()
    wanted_on = starts_on + timedelta(days=session.pop("weekday") - 1)
    if form.twins:
        some = [one for one in athletes if one.pk in form.twins]
        return planning.draft_for(some, on=wanted_on, **planning.off_track(session))
    pk, on = form.elsewhere
    if not starts_on <= on < starts_on + timedelta(weeks=2) or on > LAST_DAY:
        return []
    return planning.draft_for([one for one in athletes if one.pk == pk], on=on, **session)


def add_answer(
    request: SiteRequest,
    team: Team,
    starts_on: date,
    form: SessionForm,
    *,
    status: int,
    **more: Any,
) -> HttpResponse:
    """Draw the form and what came of it: alone after a look, with the board after a change."""
    context = add_context(request, team, starts_on, form) | more
    template = "workouts/session_add.html"
    if request.htmx and "preview" in request.POST:
        template = "workouts/_session_add.html"
    elif request.htmx:
        template = "workouts/_board.html"
        context = board_context(request, team, starts_on) | context
        # Where all was placed, the form goes; what to think about stays.
        context["adding"] = status == 422 or "tally" in more or more.get("raised")
    return render(request, template, context, status=status)


def add_context(
    request: SiteRequest, team: Team, starts_on: date, form: SessionForm
) -> dict[str, Any]:
    values = [(name, form[name].value()) for name in form.fields]
    return {
        # The panel of the verdicts posts what they were asked for, whatever is typed above it.
        "typed": [(name, "" if value is None else value) for name, value in values],
        "key": uuid4(),
        "included": form.ticked,
        "team": team,
        "starts_on": starts_on,
        "form": form,
        "query": board_query(request),
        "snippets": SNIPPETS,
        "at_hand": Workout.objects.at_hand(team),
    }


def board_query(request: SiteRequest) -> str:
    group = request.GET.get("group", "")
    return f"?group={group}" if group.isascii() and group.isdigit() else ""


def placed_words(form: SessionForm, done: Sequence[Verdict], total: int) -> str:
    """Say what was placed: for how many of those who were asked for, or instead of that."""
    if form.twins and done:
        return f"Placed off the track for {verdicts.count_word(len(done))}: it takes no track slot."
    if form.elsewhere[0] and done:
        return f"Placed for {done[0].athlete.name} on {done[0].on:%A %-d %B}."
    added = f"Added {form.session()['title']} to"
    if len(done) < total:
        return f"{added} {len(done)} of {total} weeks." if done else ""
    return f"{added} one week." if total == 1 else f"{added} {total} weeks."


def doubt_words(doubts: Sequence[tuple[Athlete, Sequence[Doubt]]]) -> str:
    """Say what to think about after a placement: of one in full, of several how many."""
    if not doubts:
        return ""
    if len(doubts) == 1:
        ((athlete, its),) = doubts
        return f"To think about for {athlete.name}: " + " ".join(doubt.words for doubt in its)
    return f"To think about in {len(doubts)} weeks: the board marks the days with an !."
