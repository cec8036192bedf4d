"""Processes that do one job at the same moment, each with a database connection of its own.

No models are imported up here: a new process gets here first and sets Django up afterwards.
"""

import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import django
from django.db import connection

# Far longer than any turn takes, so that a race that hangs ends as a failure.
GIVE_UP_S = 120

Meet = Callable[[], object]


class RaceFailed(Exception):
    """A racer stopped at something that its job does not answer for."""


class Racers:
    """`count` processes at the database that this process uses, so the test database in a test."""

    def __init__(self, count: int) -> None:
        # Spawned, not forked: a forked process would speak on the connection of this one.
        spawn = multiprocessing.get_context("spawn")
        self.barrier = spawn.Barrier(count, timeout=GIVE_UP_S)
        self.pipes, self.processes = [], []
        for racer in range(count):
            ours, theirs = spawn.Pipe()
            database = connection.settings_dict["NAME"]
            process = spawn.Process(
                target=_serve, args=(racer, theirs, self.barrier, database), daemon=True
            )
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def run(self, job: Callable[..., Any], *shares: Any) -> list[Any]:
        """Run `job(racer, meet, share)` in each process; return what each made of its share.

        `job` is a function of a module, its share may be pickled. `meet` waits for all the others.
        """
        for pipe, share in zip(self.pipes, shares, strict=True):
            pipe.send((job, share))
        answers = []
        for pipe in self.pipes:
            if not pipe.poll(GIVE_UP_S + 60):
                raise RaceFailed("a racer does not answer")
            answers.append(pipe.recv())
        failures = [failure for _, failure in answers if failure]
        if failures:
            raise RaceFailed("\n".join(failures))
        return [made for made, _ in answers]

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join(10)
            if process.is_alive():
                process.kill()


@contextmanager
def racing(count: int) -> Iterator[Racers]:
    racers = Racers(count)
    try:
        yield racers
    finally:
        racers.close()


def _serve(racer: int, pipe: Any, barrier: Barrier, database: str) -> None:
    """Do jobs until the other end of the pipe is closed."""
    django.setup()
    connection.settings_dict["NAME"] = database
    while True:
        try:
            job, share = pipe.recv()
        except EOFError:
            return
        made, failure = None, ""
        try:
            made = job(racer, barrier.wait, share)
        except Exception:
            failure = traceback.format_exc()
            barrier.abort()
        # Between two races nobody is connected: the tables may be changed, the database dropped.
        connection.close()
        pipe.send((made, failure))
