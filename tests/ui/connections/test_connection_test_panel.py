"""The panel of a connection test, and the button that starts and stops it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_options import ConnectionOptions, label
from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow

SERVER = "host:4222"
PROFILES = [
    Profile("shop", ConnectionOptions("nats://host:4222", user="ann"), secret="password"),
    Profile("other", ConnectionOptions("nats://other:4222")),
]
REFUSED = "these credentials may not subscribe to <b>websocket.*</b>"


def step(kind: StepKind, status: StepStatus, detail: str = "", purpose: str = "") -> ConnectionStep:
    server = "" if purpose else SERVER
    took = None if status is StepStatus.WAITING else 0.012
    return ConnectionStep(kind, server, purpose, status, detail, "Do this.", took)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[ConnectionsWindow]:
    parent = QWidget()
    qtbot.addWidget(parent)
    window = ConnectionsWindow(parent)
    window.show_profiles(PROFILES, {}, "shop")
    window.show()
    yield window
    parent.close()


def test_steps_appear_and_change_in_place(window: ConnectionsWindow) -> None:
    assert window.panel.isHidden()
    window.start_test()
    assert window.panel.summary.text() == "Testing the connection…"
    for status in (StepStatus.WAITING, StepStatus.RUNNING, StepStatus.OK):
        window.panel.show_step(step(StepKind.TCP, status))
    assert [each.status for each in window.panel.steps] == [StepStatus.OK]
    window.panel.show_step(step(StepKind.LOGIN, StepStatus.OK, "as ann"))
    failed = step(StepKind.PERMISSION, StepStatus.FAILED, REFUSED, "live events")
    window.panel.show_step(failed)
    window.panel.finish(is_connected=True)
    assert window.panel.summary.text() == "Connected; 1 step failed"
    row = window.panel.rows[failed.key]
    assert row.detail.text() == f"These{REFUSED.removeprefix('these')}"
    assert row.detail.textFormat() is Qt.TextFormat.PlainText
    assert row.advice.text() == "Do this."
    assert "May: live events" in row.accessibleName()
    assert "failed" in row.accessibleName()
    window.panel.finish(is_connected=False)
    assert window.panel.summary.text() == "Cannot connect", "as a session would not open there"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (StepStatus.FAILED, "Cannot connect"),
        (StepStatus.OK, "Connected; everything is permitted"),
    ],
)
def test_the_summary_says_how_it_ended(
    window: ConnectionsWindow, status: StepStatus, text: str
) -> None:
    window.start_test()
    window.panel.show_step(step(StepKind.LOGIN, status))
    window.panel.finish(is_connected=status is not StepStatus.FAILED)
    assert window.panel.summary.text() == text


def test_the_button_starts_stops_and_repeats(window: ConnectionsWindow, qtbot: QtBot) -> None:
    window.form.secret.setText("typed")
    with qtbot.waitSignal(window.test_requested) as asked:
        window.test.click()
    profile, former, secret = asked.args
    assert (profile.options.user, former, secret) == ("ann", "shop", "typed")
    window.start_test()
    window.panel.show_step(step(StepKind.TCP, StepStatus.RUNNING))
    assert window.test.text() == "Stop the test"
    with qtbot.waitSignal(window.stop_requested):
        window.test.click()
    window.stop_test()
    assert window.panel.summary.text() == "Stopped"
    assert window.test.text() == "Test again"


def test_the_form_stays_editable_and_makes_the_result_outdated(window: ConnectionsWindow) -> None:
    window.start_test()
    assert window.form.servers.isEnabled()
    window.panel.show_step(step(StepKind.LOGIN, StepStatus.OK))
    window.panel.finish(is_connected=True)
    QTest.keyClicks(window.form.servers, "1")
    assert window.panel.summary.text() == "The fields have changed since this test"
    assert window.save.isEnabled()


def test_another_profile_ends_the_test_and_hides_it(
    window: ConnectionsWindow, qtbot: QtBot
) -> None:
    window.start_test()
    with qtbot.waitSignal(window.stop_requested):
        window.list.setCurrentRow(1)
    assert window.panel.isHidden()
    assert window.panel.steps == []
    assert window.test.text() == "Test"


def test_advice_names_the_fields_of_the_form(window: ConnectionsWindow) -> None:
    window.start_test()
    for option in ("tls_ca", "tls_cert", "tls_first", "js_domain", "credentials", "nkey_seed"):
        failed = replace(step(StepKind.TLS, StepStatus.FAILED), advice=f"Set {label(option)}.")
        window.panel.show_step(failed)
        shown = window.panel.rows[failed.key].advice.text()
        assert shown.startswith("Set “"), shown
    failed = replace(failed, advice=f"Set {label('tls_ca')}.")
    window.panel.show_step(failed)
    assert window.panel.rows[failed.key].advice.text() == "Set “CA certificate”."


def test_fields_that_change_during_a_test_are_told_at_its_end(window: ConnectionsWindow) -> None:
    window.start_test()
    window.panel.show_step(step(StepKind.LOGIN, StepStatus.OK, "as ann"))
    QTest.keyClicks(window.form.servers, "1")
    assert window.panel.summary.text() == "Testing the connection…"
    window.panel.finish(is_connected=True)
    assert window.panel.summary.text() == "The fields have changed since this test"
    window.start_test()
    window.panel.show_step(step(StepKind.LOGIN, StepStatus.OK, "as ann"))
    window.panel.finish(is_connected=True)
    assert window.panel.summary.text() == "Connected; everything is permitted"
