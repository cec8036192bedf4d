"""bin/up as a person starts it: the whole site, its supervisor, and what it says when it cannot."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bin"))

import _bootstrap  # noqa: E402
import _supervisor  # noqa: E402

pytestmark = pytest.mark.services
# Generous: two cores, and other tests' processes on them.
START_S = 120
STOP_S = 10


def free_ports(count: int = 3) -> int:
    """Return a port that is free together with those after it."""
    while True:
        with contextlib.ExitStack() as trials, contextlib.suppress(OSError):
            first = trials.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = first.getsockname()[1]
            for number in range(port + 1, port + count):
                trials.enter_context(socket.create_server(("127.0.0.1", number)))
            return port


def up(var: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "bin" / "up"), *arguments],
        env={**os.environ, "COACHSITE_VAR": str(var), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Should this test be killed, so is bin/up, and with it all it started.
        preexec_fn=_supervisor.die_with(os.getpid()),
    )


def failed_up(var: Path, *arguments: str, **env: str) -> str:
    """Run a bin/up that cannot start, and return what it says."""
    with up(var, *arguments, **env) as process:
        output, _ = process.communicate(timeout=START_S)
    assert process.returncode == 1, output
    return output.strip()


def get(port: int, path: str) -> tuple[int, str]:
    """Return status and body of a page; status 0 while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def wait_until(is_so: Callable[[], object], seconds: float, what: str) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, f"not within {seconds} s: {what}"
        time.sleep(0.2)


def descendants(pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in brackets may hold anything; the state and the parent follow it.
            state, parent = path.read_text().rpartition(") ")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(int(path.parent.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        waiting += (below := children.get(waiting.pop(), []))
        found.update(below)
    return found


def running(pids: set[int]) -> set[int]:
    """Return which of `pids` run; a zombie does not."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0] != "Z":
                found.add(pid)
    return found


def celery(parent: int, role: str) -> int | None:
    """Return the id of the worker's or the beat's main process."""
    for pid in descendants(parent):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            if role in words and int(status[1]) == parent:
                return pid
    return None


def kill_and_wait_for_another(parent: int, role: str) -> None:
    killed = celery(parent, role)
    assert killed, f"the {role} runs"
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: celery(parent, role) not in (None, killed), 60, f"a new {role}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_ports()
    process = up(tmp_path / "var", "--port", str(port))
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate()


def test_the_site_starts_heals_and_stops_without_a_trace(site):
    process, port = site

    wait_until(lambda: get(port, "/accounts/login/")[0] == 200, START_S, "the login page")
    with contextlib.suppress(AssertionError):
        wait_until(lambda: get(port, "/healthz/")[0] == 200, START_S, "every part is up")
    assert json.loads(get(port, "/healthz/")[1])["down"] == []
    if not os.environ.get("EMAIL_URL"):
        assert get(port + 1, "/")[0] == 200

    for role in ("worker", "beat"):
        kill_and_wait_for_another(process.pid, role)

    family = descendants(process.pid)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=STOP_S)

    assert process.returncode == 0, output
    wait_until(lambda: not running(family), 2, "no process is left")
    assert f"http://127.0.0.1:{port}" in output
    assert "The worker was ended by SIGKILL; starting it again" in output
    assert "Traceback" not in output


def test_a_killed_supervisor_takes_everything_with_it(site):
    process, port = site
    wait_until(lambda: get(port, "/accounts/login/")[0] == 200, START_S, "the login page")
    wait_until(lambda: celery(process.pid, "worker"), START_S, "the worker")
    family = descendants(process.pid)

    process.kill()

    wait_until(lambda: not running(family), 20, "no process is left")


@pytest.mark.parametrize("offset", [0, 1, 2], ids=["site", "mail page", "mail server"])
def test_a_port_in_use_is_named_in_one_line(tmp_path: Path, offset: int):
    port = free_ports()
    with socket.create_server(("127.0.0.1", port + offset)):
        output = failed_up(tmp_path / "var", "--port", str(port), EMAIL_URL="")

    assert re.fullmatch(rf"bin/up: port {port + offset} for the .* is in use; .*", output)


def test_a_folder_that_cannot_be_made_is_named_in_one_line():
    output = failed_up(Path("/dev/null/var"))

    assert output == "bin/up: /dev/null/var cannot be written: Not a directory."


def test_an_address_of_another_machine_is_refused_in_one_line(tmp_path: Path):
    output = failed_up(tmp_path / "var", "--port", str(free_ports()), "--host", "203.0.113.7")

    assert re.fullmatch(r"bin/up: the site cannot listen on 203.0.113.7, port .*", output)


def test_a_database_that_is_away_is_named_in_one_line(tmp_path: Path):
    port = free_ports(4)
    output = failed_up(
        tmp_path / "var",
        "--port",
        str(port),
        DATABASE_URL=f"postgres://nobody:x@127.0.0.1:{port + 3}/none",
    )

    last = output.splitlines()[-1]
    assert last.startswith("bin/up: the database cannot be used: ")
    assert "refused" in last
    assert "Traceback" not in output


def fake_python(folder: Path, name: str, answer: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    return str(path)


def test_an_old_python_is_told_what_is_needed(tmp_path: Path):
    old = fake_python(tmp_path, "python3.9", "echo probe 3 9 18 1")
    shim = fake_python(tmp_path, "python3.13", "exit 127")

    with pytest.raises(_bootstrap.SetupError, match="Python 3.11 or newer is needed.*3.9.18"):
        _bootstrap.find_python([old, shim, str(tmp_path / "missing")])


def test_a_python_without_venv_is_told_the_package(tmp_path: Path):
    bare = fake_python(tmp_path, "python3.12", "echo probe 3 12 3 0")

    with pytest.raises(_bootstrap.SetupError, match="apt-get install python3-venv"):
        _bootstrap.find_python([bare])


def test_the_first_python_that_will_do_is_taken(tmp_path: Path):
    old = fake_python(tmp_path, "python3", "echo probe 3 8 1 1")
    good = fake_python(tmp_path, "python3.13", "echo probe 3 13 0 1")

    assert _bootstrap.find_python([old, good]).path == good


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("Collecting x\nERROR: No matching distribution\nnotice: new pip\n", "ERROR: No matching"),
        ("error: Failed to build\n  Caused by: no compiler\n", "Caused by: no compiler"),
        ("error: Failed to fetch\n  Caused by: dns error\n", "the package index cannot be reached"),
        ("× No solution found\n╰─▶ Because x wants y\n", "Because x wants y"),
        ("a\nOSError: [Errno 28] No space left on device\nb", "the disk that holds"),
        ("", "no reason given"),
    ],
)
def test_of_a_failed_installation_the_telling_line_is_shown(output: str, line: str):
    assert _bootstrap.telling_line(output).startswith(line)


def test_a_second_start_collects_no_static_files_again(tmp_path, monkeypatch):
    """What the first start has collected lies in var/, and is no reason to collect."""
    import _prepare

    monkeypatch.setattr(_prepare, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("django")
    for file in ("static/site.css", "var/static/site.abc.css"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("a {}")
    state = _prepare.static_state()
    (tmp_path / "var/static/site.abc.css").write_text("b { color: red }")
    assert _prepare.static_state() == state
    (tmp_path / "static/site.css").write_text("b { color: red }")
    assert _prepare.static_state() != state
