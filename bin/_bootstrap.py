"""What bin/up and bin/test share: a Python that will do, and the locked packages in .venv.

Standard library only, and written for Python 3.8 too: an old Python must get far enough to say
which one is needed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "coachsite-stamp.json"
LOCKS = {"run": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}
UV = "uv==0.13.9"
MINIMUM = (3, 11)
# Those the lock was tried with come first.
NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3")
PROBE = """
import sys
try:
    import ensurepip, venv
    complete = 1
except ImportError:
    complete = 0
print("probe", *sys.version_info[:3], complete)
"""
NEEDED_MB = {"run": 400, "dev": 900}


class SetupError(Exception):
    """What stops the set-up, in one line for the person who started it."""


class Python(NamedTuple):
    path: str
    version: tuple[int, ...]
    # Debian and Ubuntu leave out what makes a venv until python3-venv is installed.
    makes_venv: bool


def say(line: str) -> None:
    print(line, flush=True)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what went wrong into one line and exit status 1, and a stop into a quiet exit."""

    def stop(signum: int, frame: Any) -> None:
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except SetupError as error:
        sys.exit(f"bin/{Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(f"bin/{Path(sys.argv[0]).name}: {disk_full(error.filename or ROOT)}")


# Python -------------------------------------------------------------------------------------------
def probe(path: str) -> Python | None:
    """Run the interpreter at `path`, or return None: pyenv's shims exist and do not run."""
    try:
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split()
    if done.returncode or words[:1] != ["probe"]:
        return None
    *version, complete = map(int, words[1:])
    return Python(path, tuple(version), bool(complete))


def candidates() -> Iterator[str]:
    if sys.executable:
        yield sys.executable
    for name in NAMES:
        path = shutil.which(name)
        if path:
            yield path
    installed = glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python"))
    yield from sorted(installed, reverse=True)


def find_python(paths: Iterable[str] | None = None) -> Python:
    """Return the first of `paths` that is new enough and can make a venv.

    :raises SetupError: if none is
    """
    seen = []
    for path in candidates() if paths is None else paths:
        python = probe(path)
        if python and python.version >= MINIMUM and python.makes_venv:
            return python
        if python:
            seen.append(python)
    if any(python.version >= MINIMUM for python in seen):
        raise SetupError(
            "this Python cannot make a virtual environment; install what is missing with "
            "apt-get install python3-venv"
        )
    newest = max((python.version for python in seen), default=None)
    found = "; the newest found here is " + ".".join(map(str, newest)) if newest else ""
    raise SetupError(f"Python 3.11 or newer is needed{found}.")


# Disk ---------------------------------------------------------------------------------------------
def disk_full(where: Any) -> str:
    return f"the disk that holds {where} is full; make room and start again."


def need_space(folder: Path, megabytes: int) -> None:
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < megabytes:
        raise SetupError(
            f"the disk that holds {folder} is nearly full: {free} MB are free, "
            f"{megabytes} MB are needed."
        )


# Packages -----------------------------------------------------------------------------------------
def run_step(command: list[str], failure: str, **options: Any) -> str:
    """Run one command of the set-up and return what it printed.

    :raises SetupError: with the line that says why, if it fails
    """
    options.setdefault("cwd", ROOT)
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise SetupError(f"{failure}: {telling_line(done.stdout + done.stderr)}")
    return str(done.stdout)


def telling_line(output: str) -> str:
    """Return the line of `output` that names the cause."""
    lines = [line.strip(" \t×│╰├─▶") for line in output.splitlines() if line.strip()]
    if any("No space left on device" in line for line in lines):
        return disk_full(ROOT)
    if re.search(r"NewConnectionError|NameResolutionError|dns error|timed out", output):
        return "the package index cannot be reached."
    errors = [line for line in lines if re.match(r"(?i)error\b|caused by", line)]
    return (errors or lines or ["no reason given"])[-1]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_stamp() -> dict[str, Any]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one set-up at a time work on .venv."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def ensure_venv(lock: str) -> str:
    """Bring .venv to the state of a lock, "run" or "dev", and return the path of its Python.

    A venv that holds the test tools satisfies both, and keeps them when the lock changes.

    :raises SetupError: if no Python will do, or the packages cannot be installed
    """
    with alone():
        python = probe(str(VENV_PYTHON))
        if python and python.version < MINIMUM:
            python = None
        # The second for a venv made by hand, which has no stamp.
        if python and (read_stamp().get("lock") == "dev" or (VENV / "bin" / "pytest").exists()):
            lock = "dev"
        chosen = python or find_python()
        wanted = {"lock": lock, "sha256": digest(LOCKS[lock]), "python": list(chosen.version)}
        if python and read_stamp() == wanted:
            return str(VENV_PYTHON)
        need_space(ROOT, NEEDED_MB[lock])
        say("Installing the packages into .venv (only when they have changed) ...")
        if not python:
            run_step([chosen.path, "-m", "venv", "--clear", str(VENV)], "cannot make .venv")
        STAMP.unlink(missing_ok=True)
        install(LOCKS[lock])
        STAMP.write_text(json.dumps(wanted))
    return str(VENV_PYTHON)


def install(lock: Path) -> None:
    """Install exactly what `lock` names: with uv in seconds, with pip where uv will not do."""
    pip = [str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check"]
    pip += ["install", "--quiet", "--retries", "2"]
    try:
        run_step([*pip, UV], "uv cannot be installed")
        uv = [str(VENV / "bin" / "uv"), "pip", "sync", "--python", str(VENV_PYTHON)]
        run_step([*uv, "--require-hashes", str(lock)], "uv failed")
    except SetupError as refusal:
        say(f"{refusal} - trying pip ...")
        run_step(
            [*pip, "--require-hashes", "-r", str(lock)],
            "the packages could not be installed",
        )
