"""Publish events in a separate process, at a steady rate or as fast as they are received.

At a steady rate, due events are sent every few milliseconds. Without a rate the publisher keeps a
fixed number of events in flight, using a counter file shared with the receiver, so that the
receiver is never idle and no event is dropped.
"""

import argparse
import json
import mmap
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.traffic import Traffic

IN_FLIGHT: Final = 20_000
"""Events sent but not yet received while saturating; far below every buffer limit."""

_PACE_S: Final = 0.002
_COUNTER: Final = struct.Struct("<q")


class SharedCounter:
    """An integer in a memory-mapped file, written by one process and read by another."""

    def __init__(self, path: Path) -> None:
        """Open the file; create it when it does not exist."""
        if not path.exists():
            path.write_bytes(bytes(_COUNTER.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _COUNTER.size)

    @property
    def value(self) -> int:
        """The current number."""
        return int(_COUNTER.unpack_from(self._memory)[0])

    @value.setter
    def value(self, number: int) -> None:
        _COUNTER.pack_into(self._memory, 0, number)


class Publisher:
    """A NATS connection that only publishes.

    Attributes:
        sent: number of events published.
    """

    def __init__(self, server: str, *, headers: bool = True) -> None:
        address = urlsplit(server)
        self._socket = socket.create_connection((address.hostname or "", address.port or 4222), 10)
        self._traffic = Traffic(headers=headers)
        self.sent = 0
        self._read_until(b"INFO ")
        options: dict[str, object] = {"verbose": False, "headers": True}
        if address.password is not None:
            options |= {"user": address.username, "pass": address.password}
        elif address.username:
            options["auth_token"] = address.username
        self._socket.sendall(b"CONNECT %b\r\nPING\r\n" % json.dumps(options).encode())
        self._read_until(b"PONG\r\n")

    def send(self, count: int) -> None:
        """Publish `count` events."""
        while count > 0:
            part = min(count, self._traffic.left_in_block)
            self._socket.sendall(self._traffic.take(part))
            self.sent += part
            count -= part

    def finish(self) -> None:
        """Wait until the server has read everything, then close the connection."""
        self._socket.sendall(b"PING\r\n")
        self._read_until(b"PONG\r\n")
        self._socket.close()

    def _read_until(self, mark: bytes) -> None:
        received = b""
        while mark not in received:
            part = self._socket.recv(65_536)
            if not part:
                raise ConnectionError(f"the server closed the connection: {received!r}")
            received += part
        if b"-ERR" in received:
            raise ConnectionError(received.decode(errors="replace"))


def publish_at(publisher: Publisher, rate: float, seconds: float) -> float:
    """Publish at a steady rate (events/s) and return the seconds it took."""
    begin = time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        publisher.send(int(rate * passed) - publisher.sent)
        time.sleep(_PACE_S)
    publisher.send(int(rate * seconds) - publisher.sent)
    return time.perf_counter() - begin


def saturate(publisher: Publisher, counter: SharedCounter, seconds: float, count: int) -> float:
    """Publish as fast as events are received, limited by time and count; return the seconds."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds and publisher.sent < count:
        capacity = IN_FLIGHT - (publisher.sent - counter.value)
        if capacity > 0:
            publisher.send(min(capacity, 500, count - publisher.sent))
        else:
            time.sleep(0.0005)
    return time.perf_counter() - begin


def main() -> int:
    """Publish and print the number of events as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("counter", type=Path, help="file with the receiver's count")
    parser.add_argument("--rate", type=float, default=0.0, help="events/s; 0 saturates")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--count", type=int, default=1 << 40, help="maximum number of events while saturating"
    )
    parser.add_argument("--no-headers", action="store_true", help="omit the Nats-Msg-Id header")
    arguments = parser.parse_args()
    publisher = Publisher(arguments.server, headers=not arguments.no_headers)
    if arguments.rate:
        took = publish_at(publisher, arguments.rate, arguments.seconds)
    else:
        counter = SharedCounter(arguments.counter)
        took = saturate(publisher, counter, arguments.seconds, arguments.count)
    publisher.finish()
    sys.stdout.write(json.dumps({"sent": publisher.sent, "seconds": took}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
