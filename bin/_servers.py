"""The real PostgreSQL and Redis of bin/test: found or installed, started for one run, stopped."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from _bootstrap import SetupError, run_step, say
from _supervisor import die_with

LOOPBACK = "127.0.0.1"
START_S = 60
# Debian's packages, by what each is for.
PACKAGES = {"PostgreSQL": "postgresql", "Redis": "redis-server", "browser": "chromium"}


# Finding ------------------------------------------------------------------------------------------
def postgresql_folder() -> str | None:
    """Return the folder of initdb and postgres, of the newest version if there are several."""

    def version(folder: str) -> int:
        return int((re.findall(r"\d+", folder) or [0])[0])

    installed = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=version, reverse=True)
    on_path = shutil.which("initdb")
    folders = [*([os.path.dirname(os.path.realpath(on_path))] if on_path else []), *installed]
    complete = [
        f for f in folders if all(Path(f, name).exists() for name in ("initdb", "postgres"))
    ]
    return complete[0] if complete else None


def missing() -> list[str]:
    """Return which of PACKAGES' keys are not installed."""
    found = {
        "PostgreSQL": postgresql_folder(),
        "Redis": shutil.which("redis-server"),
        "browser": shutil.which("chromium") or shutil.which("chromium-browser"),
    }
    return [name for name, path in found.items() if not path]


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(packages: list[str]) -> None:
    """Install Debian packages; what fails is said, and the run says later what it went without."""
    say(f"Installing {', '.join(packages)} with apt-get ...")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    for command in (["apt-get", "update"], install):
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
            say(f"{' '.join(command[:2])} failed: {lines[-1]}")


# Running ------------------------------------------------------------------------------------------
def free_port() -> int:
    with socket.socket() as trial:
        trial.bind((LOOPBACK, 0))
        return int(trial.getsockname()[1])


def wait_for(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str) -> None:
    give_up_at = time.monotonic() + START_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise SetupError(f"{name} did not start")
        time.sleep(0.1)


@contextlib.contextmanager
def running(process: subprocess.Popen[bytes], stop_signal: int) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unprivileged() -> Callable[[], None] | None:
    """Return what makes a child another user, since PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    user = unprivileged_user()

    def become() -> None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return become


def unprivileged_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextlib.contextmanager
def postgresql(*, for_tests: bool = False) -> Iterator[str]:
    """Run a cluster of its own in a temporary folder; yield its DATABASE_URL.

    A test works in one transaction that is never committed. Were the tables analysed meanwhile,
    they would count as empty, whatever the test has put there, and a query be planned that takes
    hours: so none are `for_tests`.
    """
    folder = postgresql_folder()
    if folder is None:
        raise SetupError("PostgreSQL is not installed")
    # Not inside the run's folder: another user must be able to reach it.
    home = Path(tempfile.mkdtemp(prefix="coachsite-pg-"))
    become = unprivileged()
    password = secrets.token_hex(16)
    (home / "password").write_text(password)
    if become:
        for path in (home, home / "password"):
            os.chown(path, unprivileged_user().pw_uid, unprivileged_user().pw_gid)
    try:
        make_cluster(folder, home, become)
        with serve_cluster(folder, home, become, password, for_tests=for_tests) as url:
            yield url
    finally:
        shutil.rmtree(home, ignore_errors=True)


def make_cluster(folder: str, home: Path, become: Callable[[], None] | None) -> None:
    command = [f"{folder}/initdb", "--pgdata", str(home / "data"), "--username", "coachsite"]
    command += ["--auth", "scram-sha-256", "--pwfile", str(home / "password")]
    command += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
    run_step(command, "initdb failed", preexec_fn=become, cwd=home)


@contextlib.contextmanager
def serve_cluster(
    folder: str,
    home: Path,
    become: Callable[[], None] | None,
    password: str,
    *,
    for_tests: bool,
) -> Iterator[str]:
    port = free_port()
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        # A cluster that lives for one run need not survive a power cut.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off" if for_tests else "on",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    tied = die_with(os.getpid())

    def before_exec() -> None:
        # In this order: a change of user undoes the tie.
        if become:
            become()
        tied()

    with open(home / "log", "wb") as log:
        process = subprocess.Popen(
            [f"{folder}/postgres", "-D", str(home / "data"), *options],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=before_exec,
        )
    create = [f"{folder}/createdb", "--host", LOOPBACK, "--port", str(port)]
    create += ["--username", "coachsite", "coachsite"]

    def database_made() -> bool:
        env = {**os.environ, "PGPASSWORD": password}
        with contextlib.suppress(subprocess.TimeoutExpired):
            return not subprocess.run(create, env=env, capture_output=True, timeout=10).returncode
        return False

    with running(process, signal.SIGINT):
        wait_for(database_made, process, "PostgreSQL")
        yield f"postgres://coachsite:{password}@{LOOPBACK}:{port}/coachsite"


@contextlib.contextmanager
def redis(home: Path) -> Iterator[str]:
    """Run a server that keeps nothing on disk; yield its REDIS_URL."""
    port = free_port()
    command = ["redis-server", "--bind", LOOPBACK, "--port", str(port), "--save", ""]
    command += ["--appendonly", "no", "--maxmemory-policy", "noeviction", "--dir", str(home)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with(os.getpid()),
    )

    def answers() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    with running(process, signal.SIGTERM):
        wait_for(answers, process, "Redis")
        yield f"redis://{LOOPBACK}:{port}/0"
