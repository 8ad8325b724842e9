"""Screen readers announce what happens without a control having the focus."""

import pytest
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.tasks.page import TasksPage
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import draw_frame, make_window


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Texts in the order in which they are announced, and whether they are urgent."""
    heard: list[tuple[str, bool]] = []

    def hear(event: QAccessibleAnnouncementEvent) -> None:
        assertive = QAccessible.AnnouncementPoliteness.Assertive
        heard.append((event.message(), event.politeness() is assertive))

    # No screen reader runs here, and Qt drops events that nobody asked for.
    monkeypatch.setattr(
        "pulse_desktop.ui.widgets.announcement.QAccessible.updateAccessibility", hear
    )
    return heard


def test_notifications_copies_and_the_connection_are_announced(
    qtbot: QtBot, spoken: list[tuple[str, bool]]
) -> None:
    window = make_window(qtbot, StateBuilder(at=1000.0), (TasksPage,))
    spoken.clear()
    window.notify(Notification("Saved", "to a file"))
    window.notify(Notification("Cannot re-run", severity="warning"))
    window.status_bar.show_message("Copied: x")
    assert spoken == [("Saved to a file", False), ("Cannot re-run", True), ("Copied: x", False)]
    spoken.clear()
    window.top_bar.set_connection(ConnectionStatus("reconnecting", "x", 0.0, problem="refused"))
    for rtt in (0.001, 0.002):
        window.top_bar.set_connection(ConnectionStatus("connected", "x", 0.0, rtt_s=rtt))
    assert spoken == [
        ("Connection: reconnecting · refused", True),
        ("Connection: connected", False),
    ], "once per state: a round trip time is no news"


def test_the_banner_announces_what_is_between_the_operator_and_live_data(
    qtbot: QtBot, spoken: list[tuple[str, bool]]
) -> None:
    builder, session = StateBuilder(at=1000.0), FakeSession()
    window = make_window(qtbot, builder, (TasksPage,), session)
    draw_frame(window, builder)
    spoken.clear()
    session.connection_status = ConnectionStatus(
        "reconnecting", "x", 1000.0, "nothing listens", "Start it.", last_alive=1000.0
    )
    session.data_time = 1000.0
    draw_frame(window, builder)
    draw_frame(window, builder, 1.0)
    draw_frame(window, builder, 1.0)
    ((text, urgent),) = spoken
    assert text.startswith("Connection lost at ")
    assert text.endswith("Nothing listens. Start it.")
    assert urgent
    assert window.banner.accessibleName() == text
