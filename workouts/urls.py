from datetime import date

from django.urls import path, register_converter

from workouts.views import athlete, library, races, sessions, weeks


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


register_converter(MondayConverter, "monday")

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
        weeks.week_publish,
        name="week_publish",
    ),
    path(
        "teams/<slug:slug>/weeks/<monday:starts_on>/send/",
        weeks.week_send_now,
        name="week_send_now",
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
    path("athletes/<int:athlete_id>/races/preview/", races.race_preview, name="race_preview"),
    path("races/<int:race_id>/preview/", races.race_edit_preview, name="race_edit_preview"),
    path("weeks/<int:week_id>/edit/", sessions.week_edit, name="week_edit"),
    path("weeks/<int:week_id>/doubts/accept/", sessions.doubt_accept, name="doubt_accept"),
    path("sessions/<int:session_id>/", sessions.session_detail, name="session_detail"),
    path("sessions/<int:session_id>/edit/", sessions.session_edit, name="session_edit"),
    path("sessions/<int:session_id>/move/", sessions.session_move, name="session_move"),
    path("sessions/<int:session_id>/remove/", sessions.session_remove, name="session_remove"),
    path("sessions/<int:session_id>/log/", athlete.result_log, name="result_log"),
]
