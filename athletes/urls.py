from django.urls import path

from athletes import views

urlpatterns = [
    path("", views.home, name="home"),
    path("theme/", views.theme_set, name="theme_set"),
    path("teams/add/", views.team_add, name="team_add"),
    path("teams/<slug:slug>/settings/", views.team_edit, name="team_edit"),
    path("teams/<slug:slug>/athletes/", views.roster, name="roster"),
    path("teams/<slug:slug>/athletes/add/", views.athlete_add, name="athlete_add"),
    path("teams/<slug:slug>/athletes/import/", views.roster_import, name="roster_import"),
    path("teams/<slug:slug>/groups/add/", views.group_add, name="group_add"),
    path("athletes/<int:athlete_id>/", views.athlete_detail, name="athlete_detail"),
    path("athletes/<int:athlete_id>/edit/", views.athlete_edit, name="athlete_edit"),
    path("athletes/<int:athlete_id>/invite/", views.athlete_invite, name="athlete_invite"),
    path("athletes/<int:athlete_id>/races/add/", views.race_add, name="race_add"),
    path("athletes/<int:athlete_id>/paces/set/", views.override_add, name="override_add"),
    path("athletes/<int:athlete_id>/pauses/add/", views.pause_add, name="pause_add"),
    path("pauses/<int:pause_id>/", views.pause_edit, name="pause_edit"),
    path("pauses/<int:pause_id>/remove/", views.pause_remove, name="pause_remove"),
    path("overrides/<int:override_id>/end/", views.override_end, name="override_end"),
    path("races/<int:race_id>/edit/", views.race_edit, name="race_edit"),
    path("races/<int:race_id>/remove/", views.race_remove, name="race_remove"),
    path("invitations/<str:token>/", views.invitation_accept, name="invitation_accept"),
]
