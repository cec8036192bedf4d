"""An SMTP server that misbehaves to order: at one point of one mail, in one way.

An order says where and what: "MAIL hang up", "RCPT 451 try later", "RCPT2 550 …" (the second
receiver of a mail), "DATA 451 …", "TEXT hang up" (amid the text), "DOT hang up" (the mail is taken,
the answer never comes), "DOT 552 too big", "DOT slow 3" (seconds), "HELLO 421 too busy". A test
gives a function that says the next order. As a process of its own (`python -m tests.sink`) the
server takes its orders from a folder, each a file that it removes, and writes what it did to a log
that a kill -9 leaves whole.
"""

import argparse
import contextlib
import json
import os
import re
import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
END_OF_TEXT = b".\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Takes mails; `next_order` is asked at the beginning of each conversation and each mail."""

    allow_reuse_address = daemon_threads = True

    def __init__(
        self,
        next_order: Callable[[str], str] = lambda where: "",
        *,
        port: int = 0,
        note: Callable[..., None] = lambda **facts: None,
        thinks_s: float = 0,
    ) -> None:
        super().__init__(("127.0.0.1", port), Talk)
        self.next_order = next_order
        self.note = note
        self.thinks_s = thinks_s
        self.taken: list[bytes] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed amid a mail is what this server is for."""

    def in_background(self) -> "Server":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


class HungUp(Exception):
    pass


class Talk(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.to = ""
        with contextlib.suppress(HungUp, OSError):
            self.where, self.what = split(self.server.next_order("HELLO"))
            self.answer("HELLO", "220 ready")
            while line := self.rfile.readline():
                self.take(line)

    def take(self, line: bytes) -> None:
        command = line[:4].upper().strip().decode("ascii", "replace")
        where = command
        if command == "MAIL":
            if self.to:
                self.wfile.write(b"503 nested MAIL command\r\n")
                return
            self.where, self.what = split(self.server.next_order("MAIL"))
        if command == "RSET":
            self.to = ""
        if command == "RCPT":
            where = "RCPT2" if self.to else "RCPT"
            self.to = line.partition(b"<")[2].partition(b">")[0].decode()
        if command == "DATA":
            if self.answer("DATA", "354 go ahead").startswith("354"):
                self.take_text()
            self.to = ""
            return
        self.answer(where, "221 bye" if command == "QUIT" else "250 ok")
        if command == "QUIT":
            raise HungUp

    def take_text(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != END_OF_TEXT:
            if not line:
                raise HungUp
            lines.append(line)
            if self.where == "TEXT":
                self.answer("TEXT", "")
        text = b"".join(lines)
        if not (self.where == "DOT" and self.what[:1] in "45"):
            self.server.taken.append(text)
            found = MESSAGE_ID.search(text)
            self.server.note(taken=self.to, message_id=found[1].decode() if found else "")
        time.sleep(self.server.thinks_s)
        self.answer("DOT", "250 taken")

    def answer(self, where: str, usual: str) -> str:
        """Say what is usual at this point, or do what was ordered for it; return what was said."""
        said = usual
        if self.where == where:
            self.server.note(order=f"{where} {self.what}", to=self.to)
            self.where = ""
            if self.what == "hang up":
                raise HungUp
            if self.what.startswith("slow"):
                time.sleep(float(self.what.split()[1]))
            else:
                said = self.what
        self.wfile.write(f"{said}\r\n".encode())
        if said.startswith("421"):
            raise HungUp
        return said


def split(order: str) -> tuple[str, str]:
    where, _, what = order.partition(" ")
    return where, what


# As a process -------------------------------------------------------------------------------------
class Orders:
    """Orders as files of a folder, named by number and text; the oldest that fits is taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def give(self, number: int, order: str) -> None:
        (self.folder / f"{number:06} {order}").touch()

    def next(self, where: str) -> str:
        for name in sorted(os.listdir(self.folder)):
            order = name.partition(" ")[2]
            if order.startswith("HELLO") == (where == "HELLO"):
                # Of several conversations one gets it.
                with contextlib.suppress(FileNotFoundError):
                    (self.folder / name).unlink()
                    return order
        return ""


class Log:
    """Facts, each a line of JSON that is written in one go."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, **facts: Any) -> None:
        line = json.dumps({"at": time.time(), **facts}) + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def read(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def count(self, kind: str) -> int:
        return sum(kind in fact for fact in self.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--orders", type=Path, required=True)
    parser.add_argument("--thinks", type=float, default=0, help="seconds over each mail")
    options = parser.parse_args()
    orders, log = Orders(options.orders), Log(options.log)
    server = Server(orders.next, port=options.port, note=log.note, thinks_s=options.thinks)
    server.serve_forever()


if __name__ == "__main__":
    main()
