"""Run several processes as one: all start, all stop, and those that may be restarted are.

A worker can end by itself (Celery gives up on some restarts of Redis) and beat can be killed; then
plans would wait unnoticed. Web server and mail page are what a person looks at: when one of them
ends, everything ends, and one line says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

POLL_S = 0.1
# Together below the ten seconds after which people press Ctrl-C again.
# An idle Celery worker takes four to six to notice, so that its mail is not cut off.
STOP_S = 7.5
STOP_LAST_S = 1.0
BEHIND_AT_MOST_S = 10.0
PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
# A process that lived this long did not fail at its start, so its next pause is short again.
SETTLED_S = 60.0

PR_SET_PDEATHSIG = 1
_prctl: Callable[..., int] | None = None
if sys.platform.startswith("linux"):
    with contextlib.suppress(OSError, AttributeError):
        _prctl = ctypes.CDLL(None, use_errno=True).prctl


def die_with(parent: int) -> Callable[[], None]:
    """Return what a child runs before its program, so that it does not outlive a killed parent."""

    def before_exec() -> None:
        if _prctl:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


class Child:
    """One supervised process, the leader of its own process group."""

    def __init__(
        self, name: str, command: Sequence[str], *, behind: bool = False, last: bool = False
    ) -> None:
        self.name = name
        self.command = command
        # Behind the scenes: it starts when the others answer, so that the first page comes soon,
        # and it is started again when it ends.
        self.behind = behind
        # Stopped after the others: a worker may still be handing over a mail.
        self.last = last
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.start_at = time.monotonic() + (BEHIND_AT_MOST_S if behind else 0)
        self.pause_s = PAUSE_S

    def start(self, *, cwd: str, env: Mapping[str, str]) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            # Ctrl-C reaches only the supervisor, which stops the others in their order.
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ending(self) -> str:
        """Say how the process ended."""
        code = self.process.returncode if self.process else 0
        if code >= 0:
            return f"ended with exit status {code}"
        return f"was ended by {signal.Signals(-code).name}"

    def plan_restart(self) -> float:
        """Set when to start again, later each time it ends soon after its start."""
        now = time.monotonic()
        if now - self.started_at > SETTLED_S:
            self.pause_s = PAUSE_S
        pause_s = self.pause_s
        self.pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self.process = None
        self.start_at = now + pause_s
        return pause_s

    def ask_to_stop(self) -> None:
        if self.process is not None and self.is_running():
            self.process.terminate()

    def kill_group(self) -> None:
        """Kill what is left of the process and of all that it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Keep `children` running until a signal comes or one that may not end has ended."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        cwd: str,
        env: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self.children = children
        self.cwd = cwd
        self.env = env
        self.say = say
        self.stopping = False

    def run(self, when_started: Callable[[], bool]) -> int:
        """Return the exit status: 0 after a signal, 1 after the end of a needed process.

        `when_started` is called again and again until it returns True.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop_soon)
        # Under nohup it is ignored, and stays so.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self.stop_soon)
        is_started = False
        status = 0
        try:
            while not self.stopping and status == 0:
                status = self.look_after_all()
                if not is_started and when_started():
                    is_started = True
                    self.start_behind()
                time.sleep(POLL_S)
        finally:
            self.stop_all()
        return status

    def start_behind(self) -> None:
        for child in self.children:
            if child.behind:
                child.start_at = min(child.start_at, time.monotonic())

    def stop_soon(self, signum: int, frame: Any) -> None:
        self.stopping = True

    def look_after_all(self) -> int:
        """Start what is due, notice what has ended; return 1 if a needed process has."""
        for child in self.children:
            if child.process is None and time.monotonic() >= child.start_at:
                child.start(cwd=self.cwd, env=self.env)
            elif child.has_ended():
                child.kill_group()
                if not child.behind:
                    self.say(f"The {child.name} {child.ending()}; stopping everything.")
                    return 1
                ending = child.ending()
                pause_s = child.plan_restart()
                self.say(f"The {child.name} {ending}; starting it again in {pause_s:.0f} s.")
        return 0

    def stop_all(self) -> None:
        first = [child for child in self.children if not child.last]
        last = [child for child in self.children if child.last]
        for group, patience_s in ((first, STOP_S), (last, STOP_LAST_S)):
            for child in group:
                child.ask_to_stop()
            give_up_at = time.monotonic() + patience_s
            while any(child.is_running() for child in group) and time.monotonic() < give_up_at:
                time.sleep(POLL_S / 2)
            for child in group:
                child.kill_group()
