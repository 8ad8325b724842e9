"""The real window on its Tasks page, told by lines on stdin what to report; for tests of a pointer.

Usage: python -m tests.e2e.pointed_window SERVER MONITORING_URL

Each line is answered by one line of JSON: where the middle of each row is on the screen, the row
under the pointer, the selected rows and the text of the pill.
"""

import asyncio
import json
import sys
import threading
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.event_loop import run_with_qt
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.table.view import ROW_HEIGHT
from tests.ui.tables import pill_text


def report(desktop: Desktop) -> dict[str, Any]:
    """Return what can be seen of the table."""
    shown = desktop.window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    table, viewport = page.table, page.table.viewport()
    pointer = viewport.mapFromGlobal(QCursor.pos())
    middles = range(ROW_HEIGHT // 2, viewport.height(), ROW_HEIGHT)
    places = [viewport.mapToGlobal(QPoint(300, y)) for y in middles]
    pointed = table.rows_model.row_object(table.rowAt(pointer.y()))
    return {
        "rows": table.rows_model.total_count,
        "places": [(place.x(), place.y()) for place in places],
        "pointed": pointed.task_id if pointed is not None else "",
        "selected": [run.task_id for run in table.selected_rows()],
        "pill": pill_text(table),
    }


async def watch(server: str, monitoring_url: str) -> int:
    """Answer until stdin ends."""
    desktop, loop = Desktop(server_profile(server, monitoring_url)), asyncio.get_running_loop()

    def answer() -> None:
        sys.stdout.write(json.dumps(report(desktop)) + "\n")
        sys.stdout.flush()

    def read() -> None:
        for _line in sys.stdin:
            loop.call_soon_threadsafe(answer)
        loop.call_soon_threadsafe(desktop.stopped.set)

    desktop.window.show()
    desktop.start()
    await desktop.wait_connected(20.0)
    desktop.window.show_page("tasks")
    threading.Thread(target=read, daemon=True).start()
    await desktop.stopped.wait()
    await desktop.close()
    return 0


if __name__ == "__main__":
    sys.exit(run_with_qt(lambda: watch(*sys.argv[1:])))
