"""The publisher: a process of its own that writes events into a socket.

At a steady rate it sends what is due every few milliseconds. With no rate it saturates: it keeps a
fixed number of events in flight, told by a counter that the receiver shares with it, so that the
receiver always has something to do and nothing is lost on the way.
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

from traffic import Traffic

IN_FLIGHT: Final = 20_000
"""Events sent and not yet answered for, while saturating: far below every limit on the way."""

_PACE_S: Final = 0.002
_COUNTER: Final = struct.Struct("<q")


class Counter:
    """A number in a file that one process writes and another one reads."""

    def __init__(self, path: Path) -> None:
        """Open it; made when it is not there."""
        if not path.exists():
            path.write_bytes(bytes(_COUNTER.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _COUNTER.size)

    @property
    def value(self) -> int:
        """The number."""
        return int(_COUNTER.unpack_from(self._memory)[0])

    @value.setter
    def value(self, number: int) -> None:
        _COUNTER.pack_into(self._memory, 0, number)


class Publisher:
    """A connection that only publishes.

    Attributes:
        sent: events written.
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
        """Publish events."""
        while count > 0:
            part = min(count, self._traffic.left_in_block)
            self._socket.sendall(self._traffic.take(part))
            self.sent += part
            count -= part

    def finish(self) -> None:
        """Wait until the server has read everything, and leave."""
        self._socket.sendall(b"PING\r\n")
        self._read_until(b"PONG\r\n")
        self._socket.close()

    def _read_until(self, mark: bytes) -> None:
        heard = b""
        while mark not in heard:
            part = self._socket.recv(65_536)
            if not part:
                raise ConnectionError(f"the server hung up: {heard!r}")
            heard += part
        if b"-ERR" in heard:
            raise ConnectionError(heard.decode(errors="replace"))


def publish_at(publisher: Publisher, rate: float, seconds: float) -> float:
    """Publish at a steady rate (events/s) and return how many seconds it took."""
    begin = time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        publisher.send(int(rate * passed) - publisher.sent)
        time.sleep(_PACE_S)
    publisher.send(int(rate * seconds) - publisher.sent)
    return time.perf_counter() - begin


def saturate(publisher: Publisher, counter: Counter, seconds: float, count: int) -> float:
    """Publish as fast as it is received, for a time or a number of events; return the seconds."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds and publisher.sent < count:
        room = IN_FLIGHT - (publisher.sent - counter.value)
        if room > 0:
            publisher.send(min(room, 500, count - publisher.sent))
        else:
            time.sleep(0.0005)
    return time.perf_counter() - begin


def main() -> int:
    """Publish, and print what was sent as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("counter", type=Path, help="file with the receiver's count")
    parser.add_argument("--rate", type=float, default=0.0, help="events/s; 0 saturates")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--count", type=int, default=1 << 40, help="at most, while saturating")
    parser.add_argument("--no-headers", action="store_true", help="send no Nats-Msg-Id")
    arguments = parser.parse_args()
    publisher = Publisher(arguments.server, headers=not arguments.no_headers)
    if arguments.rate:
        took = publish_at(publisher, arguments.rate, arguments.seconds)
    else:
        counter = Counter(arguments.counter)
        took = saturate(publisher, counter, arguments.seconds, arguments.count)
    publisher.finish()
    sys.stdout.write(json.dumps({"sent": publisher.sent, "seconds": took}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
