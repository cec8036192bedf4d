"""Bring database and static files up to date. bin/up runs this with .venv's Python.

One process for all the commands: each start of Django costs the best part of a second. It prints
what a person should read; on failure the last line of standard error says why, and the traceback is
in var/setup.log.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import io
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--static-only", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coachsite.settings")
    try:
        prepare(empty=options.empty, static_only=options.static_only)
    except Exception as error:
        log = Path(os.environ["COACHSITE_VAR"]) / "setup.log"
        try:
            log.write_text(traceback.format_exc())
        except OSError:
            log = Path("/dev/null")
        sys.exit(reason(error, log))


def prepare(*, empty: bool, static_only: bool) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    if not static_only:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("load_library", stdout=io.StringIO())
        if not empty:
            call_command("load_demo", stdout=sys.stdout)
    collect_static()


def collect_static() -> None:
    """Collect the static files when one of them, or a package, has changed."""
    from django.conf import settings
    from django.core.management import call_command

    stamp = settings.VAR_DIR / "static.stamp"
    state = static_state()
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if manifest.exists() and stamp.exists() and stamp.read_text() == state:
        return
    call_command("collectstatic", verbosity=0, interactive=False)
    stamp.write_text(state)


def static_state() -> str:
    """Return a digest that changes when a static file of ours or the lock does."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for path in static_files():
        status = path.stat()
        digest.update(f"{path.relative_to(ROOT)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def static_files() -> Iterator[Path]:
    # By name: a pattern would find var/static too, which is what is made of these.
    for folder in (ROOT / "static", ROOT / "athletes" / "static", ROOT / "workouts" / "static"):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def reason(error: Exception, log: Path) -> str:
    """Say in one line what failed."""
    from django.db import Error as DatabaseError

    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = lines[-1].strip()
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "disk is full" in text:
        return "the disk is full; make room and start again."
    if isinstance(error, DatabaseError):
        # A database says what is wrong first, and hints and details after it.
        return f"the database cannot be used: {lines[0].strip()}"
    return f"{type(error).__name__}: {text} (the whole of it is in {log})"


if __name__ == "__main__":
    main()
