"""Page (b), which pages.py measures the site against: what Django itself takes for a useful page.

A session login, three statements (session, user, seven rows), a template of seven rows under a
base page; Django's own middleware, SQLite, persistent connections. The folder of the database is
named by REFERENCE_VAR.

    REFERENCE_VAR=/tmp/reference python bench/reference.py    # makes it, prints a session's key
    REFERENCE_VAR=/tmp/reference gunicorn bench.reference:application
"""

import os
import secrets
from datetime import date, timedelta
from pathlib import Path
from typing import ClassVar

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

VAR = Path(os.environ["REFERENCE_VAR"])
ROWS = 7
PAGES = {
    "base.html": """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>{% block title %}Runs{% endblock %}</title></head>
  <body>
    <nav>
      <a href="{% url 'week' %}">Week</a>
      {% if user.is_authenticated %}
        <form method="post" action="{% url 'week' %}">{% csrf_token %}<button>Out</button></form>
        {{ user.email }}
      {% endif %}
    </nav>
    {% for message in messages %}<p class="{{ message.tags }}">{{ message }}</p>{% endfor %}
    <main>{% block content %}{% endblock %}</main>
  </body>
</html>""",
    "week.html": """{% extends "base.html" %}
{% block title %}Week of {{ first.on|date:"j F Y" }}{% endblock %}
{% block content %}
  <h1>Week of {{ first.on|date:"j F Y" }}</h1>
  <table>
    <tr><th>Day</th><th>Run</th><th>Km</th><th>Note</th></tr>
    {% for run in runs %}
      <tr class="{% cycle 'odd' 'even' %}">
        <td>{{ run.on|date:"D j M" }}</td>
        <td><a href="{% url 'run' run.pk %}">{{ run.title }}</a></td>
        <td>{{ run.km|floatformat:1 }}</td>
        <td>{% if run.note %}{{ run.note|truncatechars:30 }}{% else %}none{% endif %}</td>
      </tr>
    {% endfor %}
  </table>
{% endblock %}""",
}
LOADERS = [
    (
        "django.template.loaders.cached.Loader",
        [("django.template.loaders.locmem.Loader", PAGES)],
    )
]


def secret_key() -> str:
    """Return the key of this folder, made at the first start: a session is signed with it."""
    file = VAR / "reference_key"
    if not file.exists():
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


settings.configure(
    SECRET_KEY=secret_key(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "django.contrib.messages",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": LOADERS,
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
            },
        }
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR / "reference.sqlite3",
            "CONN_MAX_AGE": 60,
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"},
        }
    },
)
django.setup()

# Apps must be ready before what follows can be imported or defined.
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import models  # noqa: E402
from django.shortcuts import render  # noqa: E402


class Run(models.Model):
    user = models.ForeignKey(User, models.CASCADE)
    on = models.DateField()
    title = models.CharField(max_length=80)
    km = models.FloatField()
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        app_label = "reference"
        ordering: ClassVar[list[str]] = ["on"]

    def __str__(self) -> str:
        return self.title


@login_required
def week(request: HttpRequest) -> HttpResponse:
    runs = list(Run.objects.filter(user=request.user)[:ROWS])
    return render(request, "week.html", {"runs": runs, "first": runs[0]})


urlpatterns = [path("", week, name="week"), path("runs/<int:pk>/", week, name="run")]
application = get_wsgi_application()


def make_database() -> str:
    """Make the database with one user and a week of runs; return the key of the user's session."""
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Run)
    user = User.objects.create(username="runner", email="runner@club.example")
    for day in range(ROWS):
        Run.objects.create(
            user=user,
            on=date(2026, 11, 30) + timedelta(days=day),
            title=f"Run of day {day + 1}",
            km=8 + day * 1.7,
            note="Easy on the hills, and strides at the end" if day % 2 else "",
        )
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


if __name__ == "__main__":
    print(make_database())
