"""asyncio on Qt's event loop: callbacks in order and in time, and Qt goes on between them."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from pulse_desktop.ui.qt_loop import QtLoop, _Turns


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[QtLoop]:
    with QtLoop(qapp) as loop:
        yield loop


def test_callbacks_run_in_their_order_and_later_ones_in_the_next_turn(loop: QtLoop) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("a")
        loop.call_soon(ran.append, "d")

    async def main() -> None:
        done = asyncio.Event()
        loop.call_soon(first)
        loop.call_soon(ran.append, "b")
        loop.call_soon(ran.append, "c")
        loop.call_later(0.01, done.set)
        await done.wait()

    loop.run_until_complete(main())
    assert ran == ["a", "b", "c", "d"]


def test_a_callback_never_runs_before_its_time(loop: QtLoop) -> None:
    early: list[float] = []

    async def main() -> None:
        for number in range(40):
            due = loop.time() + number / 4000
            await asyncio.sleep(number / 4000)
            early.append(due - loop.time())

    loop.run_until_complete(main())
    assert max(early[1:]) <= 0


class WaitingTurns(_Turns):
    """Turns whose timers never fire.

    Attributes:
        waits: milliseconds of each timer that was started.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.waits: list[int] = []

    def startTimer(self, interval: int, *_args: object) -> int:  # noqa: N802
        self.waits.append(interval)
        return len(self.waits)

    def killTimer(self, _number: int) -> None:  # type: ignore[override]  # noqa: N802
        pass


def test_long_waits_end_together_and_a_short_one_beside_them_in_time(loop: QtLoop) -> None:
    now = 1_000.0
    turns = WaitingTurns(lambda: now)

    def wait(seconds: float) -> None:
        turns.add_timed(asyncio.TimerHandle(now + seconds, loop.stop, (), loop))

    wait(1.02)
    wait(1.12)
    assert turns.waits == [1_250, 1_250]  # both at the same time
    now += 0.9
    wait(0.15)
    assert turns.waits[2:] == [pytest.approx(120, abs=2)]  # so the short one is not late
    wait(0.25)
    assert len(turns.waits) == 3


def test_timed_callbacks_run_by_time_and_cancelled_ones_never(loop: QtLoop) -> None:
    ran: list[int] = []

    async def main() -> None:
        handles = {n: loop.call_later(n / 100, ran.append, n) for n in (4, 2, 1, 3)}
        handles[1].cancel()  # the one that the alarm is set for
        handles[3].cancel()
        await asyncio.sleep(0.06)

    loop.run_until_complete(main())
    assert ran == [2, 4]


def test_thousands_of_cancelled_timeouts_delay_nothing(loop: QtLoop) -> None:
    async def main() -> float:
        for _number in range(5_000):
            loop.call_later(0.05, lambda: None).cancel()
        begin = loop.time()
        await asyncio.sleep(0.1)
        took: float = loop.time() - begin
        return took

    cpu = time.process_time()
    assert loop.run_until_complete(main()) >= 0.1
    assert time.process_time() - cpu < 1.0


def test_an_exception_reaches_the_handler_and_the_others_still_run(loop: QtLoop) -> None:
    errors: list[BaseException] = []
    ran: list[str] = []
    loop.set_exception_handler(lambda _loop, context: errors.append(context["exception"]))

    async def main() -> None:
        loop.call_soon(lambda: 1 / 0)
        loop.call_soon(ran.append, "after it")
        await asyncio.sleep(0.01)

    loop.run_until_complete(main())
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert ran == ["after it"]


def test_qt_goes_on_while_callbacks_follow_each_other_without_end(loop: QtLoop) -> None:
    ticks: list[None] = []
    timer = QTimer(interval=1)
    timer.timeout.connect(lambda: ticks.append(None))
    timer.start()

    async def main() -> None:
        enough = asyncio.Event()

        def follow() -> None:
            loop.call_soon(follow if len(ticks) < 3 else enough.set)

        follow()
        await enough.wait()

    loop.run_until_complete(asyncio.wait_for(main(), 10))
    timer.stop()


def test_what_waits_goes_on_in_the_event_loop_of_a_menu(loop: QtLoop) -> None:
    ran: list[str] = []
    nested = QEventLoop()

    def open_menu() -> None:
        ran.append("open")
        nested.exec()
        ran.append("closed")

    async def main() -> None:
        closed = asyncio.Event()
        loop.call_soon(open_menu)
        loop.call_soon(ran.append, "waited")
        loop.call_soon(lambda: loop.call_soon(nested.quit))
        loop.call_later(0.02, closed.set)
        await closed.wait()

    loop.run_until_complete(asyncio.wait_for(main(), 10))
    assert ran == ["open", "waited", "closed"]


def test_a_reader_is_called_for_what_arrives_until_it_is_removed(loop: QtLoop) -> None:
    ours, theirs = socket.socketpair()
    received: list[bytes] = []

    async def main() -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        def read() -> None:
            received.append(ours.recv(10))
            began.set()
            if received[-1] == b"last":
                loop.remove_reader(ours)
                theirs.send(b"too late")
                ended.set()

        loop.add_reader(ours, read)
        theirs.send(b"first")
        await began.wait()
        theirs.send(b"last")
        await ended.wait()
        await asyncio.sleep(0.02)

    with ours, theirs:
        loop.run_until_complete(asyncio.wait_for(main(), 10))
        assert received == [b"first", b"last"]
        assert ours.recv(10) == b"too late"


def test_a_connection_carries_megabytes_both_ways(loop: QtLoop) -> None:
    sent = bytes(range(256)) * (16 << 10)

    async def main() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1")
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        writer.write_eof()
        received = await reader.read()
        writer.close()
        server.close()
        return received

    assert loop.run_until_complete(asyncio.wait_for(main(), 30)) == sent


BLOCKED_THREAD = (
    "import asyncio, sys, threading\n"
    "from PySide6.QtWidgets import QApplication\n"
    "from pulse_desktop.start_up import run_program\n"
    "from pulse_desktop.ui.qt_loop import QtLoop\n"
    "def main():\n"
    "    async def block():\n"
    "        asyncio.ensure_future(asyncio.to_thread(threading.Event().wait))\n"
    "        await asyncio.sleep(0.1)\n"
    "        return 7\n"
    "    with QtLoop(QApplication([])) as loop:\n"
    "        return loop.run_until_complete(block())\n"
    "run_program(lambda: main)\n"
)


def test_a_thread_that_is_blocked_does_not_keep_the_program_alive() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED_THREAD], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (7, b"")
