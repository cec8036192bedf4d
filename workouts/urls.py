from datetime import date

from django.urls import path, register_converter

from workouts import views


class MondayConverter:
    """A training week in an address: the date of its Monday."""

    regex = r"20\d\d-\d\d-\d\d"

    def to_python(self, value: str) -> date:
        day = date.fromisoformat(value)
        if day.weekday():
            raise ValueError("a training week starts on a Monday")
        return day

    def to_url(self, value: date | str) -> str:
        return str(value)


register_converter(MondayConverter, "monday")

urlpatterns = [
    path("today/", views.today, name="today"),
    path("teams/<slug:slug>/", views.board_now, name="board_now"),
    path("teams/<slug:slug>/weeks/<monday:starts_on>/", views.board, name="board"),
    path(
        "teams/<slug:slug>/weeks/<monday:starts_on>/sessions/add/",
        views.session_add,
        name="session_add",
    ),
    path(
        "teams/<slug:slug>/weeks/<monday:starts_on>/publish/",
        views.week_publish,
        name="week_publish",
    ),
    path(
        "teams/<slug:slug>/weeks/<monday:starts_on>/send/",
        views.week_send_now,
        name="week_send_now",
    ),
    path("teams/<slug:slug>/library/", views.library, name="library"),
    path("teams/<slug:slug>/library/add/", views.workout_add, name="workout_add"),
    path(
        "teams/<slug:slug>/library/<int:workout_id>/", views.workout_detail, name="workout_detail"
    ),
    path(
        "teams/<slug:slug>/library/<int:workout_id>/edit/", views.workout_edit, name="workout_edit"
    ),
    path(
        "athletes/<int:athlete_id>/weeks/<monday:starts_on>/",
        views.athlete_week,
        name="athlete_week",
    ),
    path("weeks/<int:week_id>/limit/", views.week_limit, name="week_limit"),
    path("sessions/<int:session_id>/", views.session_detail, name="session_detail"),
    path("sessions/<int:session_id>/edit/", views.session_edit, name="session_edit"),
    path("sessions/<int:session_id>/move/", views.session_move, name="session_move"),
    path("sessions/<int:session_id>/remove/", views.session_remove, name="session_remove"),
    path("sessions/<int:session_id>/log/", views.result_log, name="result_log"),
]
