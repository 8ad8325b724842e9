"""Run the application at a steady rate of events and print measurements for the soak test.

It runs the embedded server, workers with sample work, and the window (offscreen), which shows one
page after another, while publishers add events. It prints lines of JSON: `{"filled": events sent}`
when all bounded collections are full, then the measurements for each page shown, and the final
ones, whose page is empty.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import psutil
from PySide6.QtCore import QObject, QTimer

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.embedded.data_folder import data_folder
from pulse_desktop.embedded.stack_state import read_state
from pulse_desktop.event_loop import draw_offscreen, run_with_qt
from pulse_desktop.session.session import Session
from pulse_desktop.state.system import LOG_ROWS
from pulse_desktop.ui.pages.registry import PAGES

_PUBLISHER: Final = Path(__file__).parents[2] / "benchmarks" / "publisher.py"
_FILL_RATE: Final = 10_000.0
_FILL_EVENTS: Final = 6 * LOG_ROWS
"""Number of events that fills the log and the collections of runs and messages."""
_TIMEOUT_S: Final = 120.0


class Soak:
    """Publishes events to a window and measures it.

    Attributes:
        sent: number of events published.
    """

    def __init__(self, desktop: Desktop, session: Session, server: str, counter: Path) -> None:
        self._desktop = desktop
        self._session = session
        self._server = server
        self._counter = counter
        self._process = psutil.Process()
        self.sent = 0

    async def publish(self, rate: float, seconds: float) -> None:
        """Publish at a steady rate from a separate process."""
        command = (str(_PUBLISHER), self._server, str(self._counter))
        options = ("--rate", str(rate), "--seconds", str(seconds))
        publisher = await asyncio.create_subprocess_exec(
            sys.executable, *command, *options, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await publisher.communicate()
        if publisher.returncode:
            raise RuntimeError(f"the publisher failed with {publisher.returncode}")
        self.sent += json.loads(output)["sent"]

    async def wait_until_folded(self) -> None:
        """Wait until everything published is folded."""
        topics = self._desktop.window.session.state.topics
        async with asyncio.timeout(_TIMEOUT_S):
            await self._session.waiter.wait_for(lambda: topics.received >= self.sent)

    def measurement(self) -> dict[str, Any]:
        """Return the resources that must not grow and the message counts."""
        return {
            "at": time.time(),
            "rss": self._process.memory_info().rss,
            "tasks": len(asyncio.all_tasks()),
            "timers": sum(issubclass(type(each), QTimer) for each in gc.get_objects()),
            "qt_objects": len(self._desktop.window.findChildren(QObject)),
            "files": self._process.num_fds(),
            "sent": self.sent,
            "received": self._desktop.window.session.state.topics.received,
            "dropped": self._session.dropped,
            "gaps": self._session.gaps[0],
            "problems": [str(problem) for problem in self._session.background_errors],
        }


async def _soak(arguments: argparse.Namespace) -> int:
    desktop = Desktop()
    desktop.window.show()
    desktop.start()
    try:
        session = await desktop.wait_connected(_TIMEOUT_S)
        stack = read_state(data_folder().state_file)
        if stack is None:
            raise RuntimeError("there is no stack")
        soak = Soak(desktop, session, stack.server, arguments.counter)
        for page in PAGES:
            desktop.window.show_page(page.key)
            await soak.publish(_FILL_RATE, _FILL_EVENTS / len(PAGES) / _FILL_RATE)
            await soak.wait_until_folded()
        _print({"filled": soak.sent})
        page_s = arguments.seconds / (arguments.rounds * len(PAGES))
        for _ in range(arguments.rounds):
            for page in PAGES:
                desktop.window.show_page(page.key)
                await soak.publish(arguments.rate, page_s)
                _print({"page": page.key, **soak.measurement()})
        await soak.wait_until_folded()
        _print({"page": "", **soak.measurement()})
    finally:
        await desktop.close()
    return 0


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the application and print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "counter", type=Path, help="counter file for the publisher, unused at a steady rate"
    )
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True, help="events/s")
    parser.add_argument("--rounds", type=int, default=4, help="how many times each page is shown")
    arguments = parser.parse_args()
    draw_offscreen()
    return run_with_qt(lambda: _soak(arguments))


if __name__ == "__main__":
    sys.exit(main())
