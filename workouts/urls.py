from datetime import date

from django.urls import path, register_converter

from workouts.views import (
    athlete,
    board,
    calendar,
    history,
    library,
    mail,
    mails,
    overviews,
    publishing,
    races,
    seasons,
    sessions,
    weeks,
)


class MondayConverter:
    """A training week in an address: the date of its Monday."""

    # Wider than what has a page: the links of the first and last week to their neighbours.
    regex = r"(?:1999|20\d\d|2100)-\d\d-\d\d"

    def to_python(self, value: str) -> date:
        day = date.fromisoformat(value)
        if day.weekday() or not 2000 <= day.year < 2100:
            raise ValueError("a training week starts on a Monday of this century")
        return day

    def to_url(self, value: date | str) -> str:
        return str(value)


class MonthConverter:
    """A month in an address, as 2026-11: the date of its first day."""

    # As above, the links to the neighbours of the first and last month.
    regex = r"(?:1999|20\d\d|2100)-(?:0[1-9]|1[0-2])"

    def to_python(self, value: str) -> date:
        month = date.fromisoformat(f"{value}-01")
        if not 2000 <= month.year < 2100:
            raise ValueError("a month of this century")
        return month

    def to_url(self, value: date) -> str:
        return f"{value:%Y-%m}"


register_converter(MondayConverter, "monday")
register_converter(MonthConverter, "month")

urlpatterns = [
    path("today/", athlete.today, name="today"),
    path("teams/<slug:slug>/", weeks.board_now, name="board_now"),
    path("teams/<slug:slug>/weeks/<monday:starts_on>/", weeks.board, name="board"),
    path(
        "teams/<slug:slug>/weeks/<monday:starts_on>/sessions/add/",
        weeks.session_add,
        name="session_add",
    ),
    path(
        "teams/<slug:slug>/weeks/<monday:starts_on>/publish/",
        publishing.week_publish,
        name="week_publish",
    ),
    path(
        "teams/<slug:slug>/weeks/<monday:starts_on>/send/",
        publishing.week_send_now,
        name="week_send_now",
    ),
    path("teams/<slug:slug>/budget/", overviews.budget_now, name="budget_now"),
    path(
        "teams/<slug:slug>/budget/<monday:starts_on>/",
        overviews.track_budget,
        name="track_budget",
    ),
    path("teams/<slug:slug>/library/", library.library, name="library"),
    path("teams/<slug:slug>/library/add/", library.workout_add, name="workout_add"),
    path("teams/<slug:slug>/library/preview/", library.workout_preview, name="workout_preview"),
    path(
        "teams/<slug:slug>/library/<int:workout_id>/copy/",
        library.workout_copy,
        name="workout_copy",
    ),
    path(
        "teams/<slug:slug>/library/<int:workout_id>/archive/",
        library.workout_archive,
        name="workout_archive",
    ),
    path("teams/<slug:slug>/plans/", seasons.season_list, name="season_list"),
    path("teams/<slug:slug>/plans/add/", seasons.season_add, name="season_add"),
    path("teams/<slug:slug>/plans/<int:plan_id>/", seasons.season_detail, name="season_detail"),
    path("teams/<slug:slug>/plans/<int:plan_id>/edit/", seasons.season_edit, name="season_edit"),
    path(
        "teams/<slug:slug>/plans/<int:plan_id>/weeks/<int:number>/",
        seasons.season_week,
        name="season_week",
    ),
    path("teams/<slug:slug>/plans/<int:plan_id>/copy/", seasons.season_copy, name="season_copy"),
    path(
        "teams/<slug:slug>/plans/<int:plan_id>/archive/",
        seasons.season_archive,
        name="season_archive",
    ),
    path(
        "teams/<slug:slug>/plans/<int:plan_id>/follow/",
        seasons.season_follow,
        name="season_follow",
    ),
    path(
        "teams/<slug:slug>/plans/<int:plan_id>/changes/",
        seasons.season_changes,
        name="season_changes",
    ),
    path("enrolments/<int:enrolment_id>/leave/", seasons.enrolment_leave, name="enrolment_leave"),
    path("notation/", library.notation_help, name="notation_help"),
    path(
        "teams/<slug:slug>/library/<int:workout_id>/", library.workout_detail, name="workout_detail"
    ),
    path(
        "teams/<slug:slug>/library/<int:workout_id>/edit/",
        library.workout_edit,
        name="workout_edit",
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/",
        athlete.athlete_week,
        name="athlete_week",
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/publish/",
        publishing.athlete_publish,
        name="athlete_publish",
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/revisions/<int:revision>/",
        publishing.week_revision,
        name="week_revision",
    ),
    path(
        "athletes/<int:athlete_id>/months/<month:month>/",
        overviews.athlete_month,
        name="athlete_month",
    ),
    path("athletes/<int:athlete_id>/races/preview/", races.race_preview, name="race_preview"),
    path("races/<int:race_id>/preview/", races.race_edit_preview, name="race_edit_preview"),
    path("weeks/<int:week_id>/edit/", sessions.week_edit, name="week_edit"),
    path("weeks/<int:week_id>/doubts/accept/", sessions.doubt_accept, name="doubt_accept"),
    path("sessions/<int:session_id>/", sessions.session_detail, name="session_detail"),
    path("sessions/<int:session_id>/edit/", sessions.session_edit, name="session_edit"),
    path("sessions/<int:session_id>/move/", sessions.session_move, name="session_move"),
    path("sessions/<int:session_id>/remove/", sessions.session_remove, name="session_remove"),
    path("sessions/<int:session_id>/log/", athlete.result_log, name="result_log"),
    path("sessions/<int:session_id>/board/", board.board_session, name="board_session"),
    path("sessions/<int:session_id>/board/move/", board.board_move, name="board_move"),
    path("sessions/<int:session_id>/board/copy/", board.board_copy, name="board_copy"),
    path("sessions/<int:session_id>/board/remove/", board.board_remove, name="board_remove"),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/board/",
        board.board_week,
        name="board_week",
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/board/add/",
        board.board_add,
        name="board_add",
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/board/swap/",
        board.board_swap,
        name="board_swap",
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/board/copy/",
        board.board_copy_week,
        name="board_copy_week",
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/history/",
        history.week_history,
        name="week_history",
    ),
    path("m/done/<str:done_token>/", mail.mail_done, name="mail_done"),
    path("m/move/<str:move_token>/", mail.mail_move, name="mail_move"),
    path("m/skip/<str:cannot_token>/", mail.mail_cannot, name="mail_cannot"),
    path("m/stop/<str:unsubscribe_token>/", mail.mail_unsubscribe, name="mail_unsubscribe"),
    path("athletes/<int:athlete_id>/mail/", mail.mail_settings, name="mail_settings"),
    path(
        "athletes/<int:athlete_id>/calendar/", calendar.calendar_settings, name="calendar_settings"
    ),
    path("c/<str:calendar_token>.ics", calendar.calendar_feed, name="calendar_feed"),
    path("teams/<slug:slug>/undo/", board.board_undo, name="board_undo"),
    path("teams/<slug:slug>/history/", history.team_history, name="team_history"),
    path("teams/<slug:slug>/mails/", mails.mails, name="mails"),
    path("teams/<slug:slug>/mails/progress/", mails.mails_progress, name="mails_progress"),
    path("teams/<slug:slug>/mails/pause/", mails.mails_pause, name="mails_pause"),
    path("teams/<slug:slug>/mails/digest/", mails.digest_set, name="digest_set"),
    path("mails/<int:mail_id>/", mails.mail_detail, name="mail_detail"),
    path("mails/<int:mail_id>/html/", mails.mail_html, name="mail_html"),
    path("mails/<int:mail_id>/send/", mails.mail_send, name="mail_send"),
]
