"""An SMTP server that is no bound of its own: it takes mails, keeps none, and counts them.

    python bench/sink.py --port 2525 --report report.json

`coachsite.mailsink` parses and keeps what it is sent; a sender that is measured against it waits
for it. This one reads as far as SMTP needs, in one thread, and notes who was mailed under which
Message-ID. The report is written when it is asked to end.
"""

import argparse
import asyncio
import json
import re
import signal
from collections import Counter
from pathlib import Path

MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
END_OF_TEXT = b"\r\n.\r\n"


class Report:
    """What was taken: connections, bytes, mails by receiver and Message-ID."""

    def __init__(self) -> None:
        self.connections = self.bytes = 0
        self.mails: Counter[tuple[str, str]] = Counter()

    def write(self, path: Path) -> None:
        mails = [[to, message_id, count] for (to, message_id), count in self.mails.items()]
        counts = {"connections": self.connections, "bytes": self.bytes}
        path.write_text(json.dumps(counts | {"mails": mails}))


class Talk(asyncio.Protocol):
    """One conversation. What has come is kept until a line, or the text of a mail, is whole."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.come = bytearray()
        self.is_text = False
        self.to = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.report.connections += 1
        self.transport = transport
        self.say(b"220 sink")

    def say(self, answer: bytes) -> None:
        self.transport.write(answer + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self.come += data
        while self.take_text() if self.is_text else self.take_line():
            pass

    def take_line(self) -> bool:
        line, is_whole, rest = self.come.partition(b"\r\n")
        if not is_whole:
            return False
        self.come = rest
        command = bytes(line[:4]).upper()
        if command == b"RCPT":
            self.to = line.partition(b"<")[2].partition(b">")[0].decode()
        elif command == b"DATA":
            self.is_text = True
        self.say({b"DATA": b"354 go ahead", b"QUIT": b"221 bye"}.get(command, b"250 ok"))
        if command == b"QUIT":
            self.transport.close()
        return True

    def take_text(self) -> bool:
        text, is_whole, rest = self.come.partition(END_OF_TEXT)
        if not is_whole:
            return False
        self.come, self.is_text = rest, False
        found = MESSAGE_ID.search(text)
        self.report.bytes += len(text)
        self.report.mails[self.to, found[1].decode() if found else ""] += 1
        self.say(b"250 taken")
        return True


async def serve(port: int, report: Report) -> None:
    loop = asyncio.get_running_loop()
    is_over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_over.set)
    server = await loop.create_server(lambda: Talk(report), "127.0.0.1", port)
    async with server:
        await is_over.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    report = Report()
    asyncio.run(serve(options.port, report))
    report.write(options.report)


if __name__ == "__main__":
    main()
