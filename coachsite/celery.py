"""The Celery application, and the worker's sign of life."""

import gc
import logging
import os
from typing import Any

from celery import Celery, bootsteps
from celery.signals import worker_process_init
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coachsite.settings")

app = Celery("coachsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

HEARTBEAT_SECONDS = 10
log = logging.getLogger(__name__)


class Heartbeat(bootsteps.StartStopStep):
    """Let the worker's main process write to the database that it is alive.

    Not a task: a task would only run while beat and broker work too, and the health page could not
    tell which of the three is down. It also settles the mails of workers that died, since a sweep
    waits behind the batches of a slow mail server, and a coach shall hear of them within minutes.
    """

    requires = {"celery.worker.components:Timer"}

    def __init__(self, parent: Any, **options: Any) -> None:
        self.timer_entry: Any = None

    def start(self, parent: Any) -> None:
        self.beat()
        self.timer_entry = parent.timer.call_repeatedly(HEARTBEAT_SECONDS, self.beat)

    def stop(self, parent: Any) -> None:
        if self.timer_entry:
            self.timer_entry.cancel()

    def beat(self) -> None:
        from workouts.models import Delivery
        from workouts.models import Heartbeat as HeartbeatRow

        try:
            close_old_connections()
            HeartbeatRow.beat("worker", now=timezone.now())
            Delivery.objects.settle_lost(now=timezone.now())
        except DatabaseError as error:
            log.warning("the worker could not write its heartbeat: %s", error)
        finally:
            # Pool children are forked from this process and must not inherit its connection.
            connection.close()


app.steps["worker"].add(Heartbeat)


@worker_process_init.connect
def freeze_what_is_loaded(**_: Any) -> None:
    """Spare the garbage collector the rounds over what stays: that is a fifteenth of a mail.

    A plan alone has some thousand lists and dicts, so that the usual threshold, 700, would send it
    round several times a mail, over all plans of the batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 5)
