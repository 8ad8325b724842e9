"""The window of the connections keeps what was typed, and shows what is wrong with a profile."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.profiles.profile import Environment, Profile, server_profile
from pulse_desktop.profiles.typed_profile import field_problems, separate_login
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.connections.profile_list import ProfilesInUse
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog

EU = server_profile("nats://eu:4222", name="eu", environment=Environment.PRODUCTION)
LAB = server_profile("nats://lab:4222", name="lab", read_only=True)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[ConnectionsWindow]:
    """The window with two profiles, the second in the form, and one that is not valid."""
    theme().install(ThemeChoice.DARK)
    main = QWidget()
    qtbot.addWidget(main)
    main.show()
    window = ConnectionsWindow(main)
    window.show_profiles([EU, LAB], {"old": "read_only: not yes or no. Correct it."}, "lab")
    window.show()
    yield window
    window.form.is_changed = False
    window.close()


def click_row(window: ConnectionsWindow, row: int) -> None:
    place = window.list.visualItemRect(window.list.item(row)).center()
    QTest.mouseClick(window.list.viewport(), LEFT, pos=place)


def question(window: ConnectionsWindow) -> QuestionDialog:
    (dialog,) = (each for each in window.findChildren(QuestionDialog) if each.isVisible())
    return dialog


def answer(window: ConnectionsWindow, text: str) -> None:
    dialog = question(window)
    (button,) = (each for each in dialog.findChildren(QPushButton) if each.text() == text)
    QTest.mouseClick(button, LEFT)


def button(window: ConnectionsWindow, text: str) -> QPushButton:
    (found,) = (
        each
        for each in window.findChildren(QPushButton)
        if each.text() == text and each.window() is window
    )
    return found


def selected(window: ConnectionsWindow) -> list[str]:
    return [each.text().partition("\n")[0] for each in window.list.selectedItems()]


def messages(window: ConnectionsWindow) -> str:
    return "\n".join(each.text() for each in window.findChildren(QLabel) if each.isVisible())


def test_another_profile_is_shown_at_once_while_nothing_was_changed(
    window: ConnectionsWindow,
) -> None:
    click_row(window, 0)
    assert window.form.name.text() == "eu"
    assert "eu (production)" in window.windowTitle()
    click_row(window, 1)
    assert window.form.name.text() == "lab"


def test_unsaved_changes_are_asked_about(window: ConnectionsWindow) -> None:
    QTest.keyClicks(window.form.name, "oratory")
    click_row(window, 0)
    assert window.form.name.text() == "laboratory"
    assert "Discard the changes of lab?" in messages(window)
    answer(window, "Keep editing")
    assert window.form.name.text() == "laboratory"
    assert selected(window) == ["lab"]

    for leave in (
        window.close,
        lambda: QTest.keyClick(window, Qt.Key.Key_Escape),
        lambda: QTest.mouseClick(button(window, "New"), LEFT),
    ):
        leave()
        assert window.isVisible()
        answer(window, "Keep editing")
        assert window.form.name.text() == "laboratory"

    click_row(window, 0)
    answer(window, "Discard")
    assert window.form.name.text() == "eu"
    assert selected(window) == ["eu"]
    window.close()
    assert not window.isVisible()


def test_a_typed_secret_is_an_unsaved_change(window: ConnectionsWindow) -> None:
    window.form.login.setCurrentIndex(window.form.login.findData("token"))
    QTest.keyClicks(window.form.secret, "s")
    window.close()
    assert window.isVisible()
    answer(window, "Discard")
    assert not window.isVisible()


def test_a_profile_that_is_not_valid_can_be_read_about_and_removed(
    window: ConnectionsWindow,
) -> None:
    removed: list[str] = []
    window.remove_requested.connect(removed.append)
    click_row(window, 2)
    assert "read_only: not yes or no. Correct it." in messages(window)
    assert selected(window) == ["old: not valid"]
    assert window.form.isHidden()
    for text in ("Save", "Save and connect", "Export…"):
        assert not button(window, text).isEnabled(), text
    QTest.mouseClick(button(window, "Remove…"), LEFT)
    assert removed == ["old"]
    click_row(window, 0)
    assert window.form.isVisible()
    assert button(window, "Save").isEnabled()


def test_nothing_is_typed_while_a_profile_is_being_saved(window: ConnectionsWindow) -> None:
    window.activateWindow()
    window.form.name.setFocus()
    window.set_busy(True)
    assert not window.form.isEnabled()
    assert not window.list.isEnabled()
    assert not button(window, "Save").isEnabled()
    window.set_busy(False)
    assert window.form.isEnabled()
    assert button(window, "Save").isEnabled()
    assert window.focusWidget() is window.form.name


def test_a_login_in_the_address_is_taken_before_the_test(window: ConnectionsWindow) -> None:
    tested: list[tuple[Profile, str, str]] = []
    window.test_requested.connect(lambda *arguments: tested.append(arguments))
    window.form.use_checks(field_problems, separate_login)
    QTest.mouseClick(button(window, "New"), LEFT)
    QTest.keyClicks(window.form.servers, "nats://ann:s3cret@new:4222")
    button(window, "Test").click()  # as by a shortcut: the field keeps the focus
    ((profile, _former, secret),) = tested
    assert (profile.options.servers, profile.options.user) == ("nats://new:4222", "ann")
    assert secret == "s3cret"


def test_a_new_profile_starts_empty(window: ConnectionsWindow) -> None:
    saved: list[tuple[Profile, str, str]] = []
    window.save_requested.connect(lambda *arguments: saved.append(arguments))
    QTest.mouseClick(button(window, "New"), LEFT)
    assert selected(window) == []
    QTest.keyClicks(window.form.servers, "nats://new:4222")
    QTest.keyClicks(window.form.name, "new")
    QTest.mouseClick(button(window, "Save"), LEFT)
    ((profile, former, secret),) = saved
    assert (profile.name, profile.options.servers) == ("new", "nats://new:4222")
    assert (former, secret) == ("", "")


def test_the_list_says_the_kind_of_system_and_what_is_used(window: ConnectionsWindow) -> None:
    window.list.find_in_use = lambda: ProfilesInUse({"eu"}, "lab")
    window.list.show_in_use()
    texts = [window.list.item(row).text() for row in range(window.list.count())]
    assert texts == [
        "eu\nproduction · open",
        "lab\nread-only · opens at the start",
        "old: not valid",
    ]


def test_a_long_address_shows_its_beginning(window: ConnectionsWindow) -> None:
    window.show_new(server_profile(",".join(f"nats://host-{n}:4222" for n in range(30))))
    assert window.form.servers.cursorPosition() == 0


@pytest.mark.parametrize(
    ("kind", "advice", "field"),
    [
        (StepKind.TCP, "", "servers"),
        (StepKind.LOGIN, "", "secret"),
        (StepKind.TLS, "Leave out “TLS handshake first”.", "tls_first"),
        (StepKind.TLS, "", "tls_ca"),
        (StepKind.JETSTREAM, "Correct “JetStream domain”.", "js_domain"),
    ],
)
def test_a_failed_step_leads_to_its_field(
    window: ConnectionsWindow, kind: StepKind, advice: str, field: str
) -> None:
    options = ConnectionOptions("nats://eu:4222", user="ann")
    window.show_new(Profile("new", options, secret="password"))
    good = ConnectionStep(StepKind.SETTINGS, status=StepStatus.OK)
    failed = ConnectionStep(kind, status=StepStatus.FAILED, advice=advice)
    window.resize(window.minimumSize())
    window.show()
    window.form.focus_failed([good, failed])
    focused = window.focusWidget()
    row = window.form.rows[field]
    assert focused is not None
    assert row.isAncestorOf(focused)
    QCoreApplication.processEvents()
    assert row.visibleRegion().boundingRect() == row.rect()
