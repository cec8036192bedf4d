"""/healthz/: whether each part of the machinery works, for a supervisor and for people."""

import logging

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from coachsite.celery import HEARTBEAT_SECONDS, app
from workouts.models import Heartbeat

log = logging.getLogger(__name__)

SILENCE_S = {
    "worker": 6 * HEARTBEAT_SECONDS,  # A sweep may have to wait for a batch of mails to end.
    "sweep": 3 * settings.SWEEP_SECONDS + 120,
}


@require_safe
@never_cache
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, broker, worker and sweep work, else 503 naming what is down."""
    parts: dict[str, str] = {"database": "up", "broker": broker_state()}
    ages: dict[str, float] = {}
    try:
        ages = Heartbeat.ages(now=timezone.now())
    except DatabaseError as error:
        log.warning("health: database: %s", error)
        parts["database"] = "down"
        parts |= dict.fromkeys(SILENCE_S, "not known while the database is down")
    else:
        for part, silence_s in SILENCE_S.items():
            age_s = ages.get(part)
            if age_s is None:
                parts[part] = "down: never seen"
            elif age_s > silence_s:
                parts[part] = f"down: last seen {age_s:.0f} s ago"
            else:
                parts[part] = "up"
    down = [part for part, state in parts.items() if state != "up"]
    seconds_ago = {part: round(age_s, 1) for part, age_s in ages.items()}
    status = "down" if down else "up"
    answer = {"status": status, "down": down, **parts, "seconds_ago": seconds_ago}
    return JsonResponse(answer, status=503 if down else 200)


def broker_state() -> str:
    """Connect to the broker and ask for its queue, without waiting for one that is away."""
    with app.connection_for_read(connect_timeout=1) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
            connection.default_channel.queue_declare(app.conf.task_default_queue)
        except (
            OSError,
            OperationalError,
            *connection.connection_errors,
            *connection.channel_errors,
        ) as error:
            log.warning("health: broker: %s", error)
            return "down"
    return "up"
