"""The form on which a coach keeps an athlete."""

import pytest
from django.urls import reverse

from tests.make import make_athlete

pytestmark = pytest.mark.django_db

TYPED = {
    "name": "Ana Sousa",
    "email": "ana@club.example",
    "level": "INTERMEDIATE",
    "track_limit": "2",
    "time_zone": "Europe/London",
    "send_weekday": "7",
    "send_time": "18:00",
}


@pytest.mark.parametrize(
    ("units", "label", "shown", "fifty"),
    [("KM", "Usual week in km", "64.4", 50_000), ("MI", "Usual week in miles", "40.0", 80_467)],
)
def test_the_usual_week_is_typed_in_the_units_of_the_athlete(
    coach_client, team, units, label, shown, fifty
):
    athlete = make_athlete(team=team, units=units, weekly_volume_m=64_374)
    edit = reverse("athlete_edit", args=[athlete.pk])
    page = coach_client.get(edit).text
    assert label in page
    assert f'name="weekly_km" value="{shown}"' in page

    coach_client.post(edit, TYPED | {"units": units, "weekly_km": shown})
    athlete.refresh_from_db()
    assert athlete.weekly_volume_m == 64_374  # what nobody typed over is not rounded

    coach_client.post(edit, TYPED | {"units": units, "weekly_km": "50"})
    athlete.refresh_from_db()
    assert athlete.weekly_volume_m == fifty


def test_miles_that_were_shown_are_read_as_miles_though_the_units_change(coach_client, team):
    athlete = make_athlete(team=team, units="MI", weekly_volume_m=64_374)
    edit = reverse("athlete_edit", args=[athlete.pk])
    coach_client.post(edit, TYPED | {"units": "KM", "weekly_km": "50"})
    athlete.refresh_from_db()
    assert (athlete.units, athlete.weekly_volume_m) == ("KM", 80_467)
