"""The post office under fire, in short; bench/faults.py is the long version."""

import shutil

import pytest
from django.conf import settings
from django.db import connection

from tests.fire import ANSWERS, fire

pytestmark = [
    pytest.mark.services,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not settings.REDIS_URL or not shutil.which("redis-server"),
        reason="kills a Redis of its own, beside a database server",
    ),
]

# Mails are cut off by either side.
KINDS = ANSWERS | {"kill_worker": 8, "kill_pool_child": 8, "kill_mail_server": 4, "kill_beat": 4}


@pytest.fixture
def office(tmp_path):
    """Two workers, beat, broker and SMTP server, to whom a minute is half a second."""
    settings = connection.settings_dict
    with fire(tmp_path, settings, seed=20261124, minute_s=0.5, app="tests.naive") as office:
        yield office


def test_under_fire_no_mail_is_lost_and_none_doubled_without_a_cut_off_answer(office, capsys):
    office.do_later(5, office.fault("kill_broker"))
    tally = office.part(100, 32, KINDS, spread_s=10)
    control = office.control(30)
    with capsys.disabled():
        print(f"\n{tally}\n  {dict(tally.faults)}; {dict(tally.states)}\nin one loop: {control}")
    assert tally.faults["kill_broker"] == 1
    assert tally.injected >= 15  # a worker that is down cannot be killed
    assert (tally.lost, tally.message_ids_twice, tally.doubled_without_cause) == (0, 0, 0)
    assert tally.doubled <= tally.ambiguous == tally.unknown_shown
    assert set(tally.states) <= {"SENT", "FAILED", "UNCLEAR"}
    # Else the fire is none.
    assert control.lost > 0
