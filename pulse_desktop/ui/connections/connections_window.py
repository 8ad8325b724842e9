"""Window of the connections: the profiles in a list, one of them in a form."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal, SignalInstance
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.printable import printable_line
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.connection_test_panel import ConnectionTestPanel
from pulse_desktop.ui.connections.profile_form import ProfileForm
from pulse_desktop.ui.connections.profile_list import ProfileList
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from pulse_desktop.ui.window_title import connection_text, set_title

_SIZE: Final = (880, 600)
_MIN_SIZE: Final = (720, 480)


class ConnectionsWindow(QDialog):
    """The window. It changes nothing itself: its signals ask the owner to.

    Attributes:
        form: the fields of the chosen profile.
        panel: the steps of a connection test.
        list: the profiles.

    Signals:
        save_requested: `Profile`, its former name (empty for a new one), the typed secret.
        remove_requested: name of the profile.
        test_requested: `Profile`, its former name and the typed secret.
        stop_requested: end the test that is running.
        connect_requested: `Profile`, its former name and the typed secret: save, then show it.
        import_requested: choose what to import.
        export_requested: name of the profile.
    """

    save_requested = Signal(object, str, str)
    remove_requested = Signal(str)
    test_requested = Signal(object, str, str)
    stop_requested = Signal()
    connect_requested = Signal(object, str, str)
    import_requested = Signal()
    export_requested = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        """Create the window without profiles.

        Args:
            parent: the main window.
        """
        super().__init__(parent)
        self._former = ""
        self._focused: QWidget | None = None
        self._show_title(Profile())
        self.setMinimumSize(*_MIN_SIZE)
        self.resize(*_SIZE)
        self.list = ProfileList()
        self.form = ProfileForm()
        self.panel = ConnectionTestPanel()
        self._message = Label()
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._message.hide()
        self._add = QPushButton(_("New"))
        self._remove = QPushButton(_("Remove…"))
        self._import = QPushButton(_("Import…"))
        self._export = QPushButton(_("Export…"))
        self.test = QPushButton(_("Test"))
        self.save = QPushButton(_("Save"))
        self.connect_button = QPushButton(_("Save and connect"))
        self.connect_button.setProperty("kind", "primary")
        self._lay_out()
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        self._connect()

    # Content

    def stored_profile(self, name: str) -> Profile | None:
        """Return a profile of the list, None if there is none of this name."""
        return self.list.profiles.get(name)

    def show_profiles(
        self, profiles: Sequence[Profile], problems: Mapping[str, str], chosen: str = ""
    ) -> None:
        """Fill the list, and choose a profile.

        Args:
            profiles: the valid ones.
            problems: why others are not valid, and what to do about it, by their names.
            chosen: name of the profile to show in the form, empty for a new one.
        """
        self.list.show_profiles(profiles, problems)
        if chosen in self.list.profiles or chosen in self.list.problems:
            self._show_named(chosen)
        else:
            self.show_new()

    def show_new(self, profile: Profile | None = None) -> None:
        """Show an empty form, or one with the fields of a profile that is not stored."""
        self._end_test()
        self._former = ""
        self._select_former()
        self.form.show()
        self.form.taken_names = frozenset(self.list.profiles)
        self.form.show_profile(profile or Profile(), is_new=True)
        self._show_title(Profile())
        self._message.hide()
        self._update_buttons()
        self.form.focus_first()

    def show_error(self, error: UserFacingError) -> None:
        """Show why the profile was not saved or cannot be used."""
        self._show_message(f"{error.title}. {error.sentence}", "bad")

    def show_message(self, text: str) -> None:
        """Show that something was done."""
        self._show_message(text, "good")

    def _show_message(self, text: str, color: str) -> None:
        self._message.setText(text)
        set_style_property(self._message, "color", color)
        self._message.show()

    def leave(self, then: Callable[[], object]) -> None:
        """Do something that fills the form anew; unsaved changes are asked about first."""
        if not self.form.is_changed:
            then()
            return
        name = self._former or _("the new connection")

        def discard() -> None:
            self.form.is_changed = False
            then()

        question = QuestionDialog(
            _("Unsaved changes"),
            _("Discard the changes of {name}?").format(name=name),
            _("They are not saved yet."),
            _("Discard"),
            _("Keep editing"),
            self,
        )
        question.accepted.connect(discard)
        question.rejected.connect(self._select_former)
        question.open()

    def set_busy(self, busy: bool) -> None:
        """Take no input while a profile is being saved: the form is filled anew then."""
        if busy:
            self._focused = self.focusWidget()
        for each in (self.form, self.list, self._add, self._import):
            each.setEnabled(not busy)
        self._update_buttons(busy=busy)
        if not busy and self._focused is not None:
            self._focused.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_named(self, name: str) -> None:
        """Show a profile of the list, or why it is not valid."""
        if name in self.list.profiles:
            self._show(self.list.profiles[name])
        else:
            self._show(Profile(name))
            self.form.hide()  # it is not what the file says
            self._show_message(printable_line(self.list.problems[name]), "bad")
        self._select_former()

    def _select_former(self) -> None:
        """Select the profile that the form shows, or none."""
        self.list.select(self._former)

    def _show(self, profile: Profile) -> None:
        if profile.name != self._former:
            self._end_test()
        self.form.show()
        self._former = profile.name
        self.form.show_profile(profile, is_new=False)
        self._show_title(profile)
        self._message.hide()
        self._update_buttons()

    def _show_title(self, profile: Profile) -> None:
        """Name the stored profile in the form, which is often not that of the main window."""
        set_title(self, _("Connections"), connection_text(profile, profile.name))

    # Test

    def start_test(self) -> None:
        """Show that a test of the connection begins."""
        self.panel.start()
        self.update_test_button()

    def stop_test(self) -> None:
        """Show that the test was stopped, if one was running."""
        self.panel.stop()
        self.update_test_button()

    def update_test_button(self) -> None:
        """Let the button start a test, or stop the one that is running."""
        if self.panel.is_running:
            self.test.setText(_("Stop the test"))
        else:
            self.test.setText(_("Test") if self.panel.isHidden() else _("Test again"))
        servers = self.form.profile.options.servers
        self.test.setEnabled(self.panel.is_running or bool(servers))

    def _test_or_stop(self) -> None:
        if self.panel.is_running:
            self.stop_requested.emit()
        else:
            self.form.take_login()
            self.test_requested.emit(self.form.profile, self._former, self.form.typed_secret)

    def _end_test(self) -> None:
        """End a test, and hide it: another profile is shown."""
        self.stop_requested.emit()
        self.panel.reset()

    # Buttons

    def _update_buttons(self, *, busy: bool = False) -> None:
        is_stored = bool(self._former) and not busy
        is_valid = self._former not in self.list.problems
        self._remove.setEnabled(is_stored)
        self._export.setEnabled(is_stored and is_valid)
        self.save.setEnabled(is_valid and not busy)
        self.connect_button.setEnabled(is_valid and not busy)
        self.update_test_button()

    def _lay_out(self) -> None:
        below_list = QHBoxLayout()
        below_list.addWidget(self._add)
        below_list.addWidget(self._remove)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(self.list, 1)
        left.addLayout(below_list)
        transfer = QHBoxLayout()
        transfer.addWidget(self._import)
        transfer.addWidget(self._export)
        left.addLayout(transfer)
        line = QFrame()
        line.setProperty("line", "true")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.test)
        buttons.addStretch(1)
        buttons.addWidget(self.save)
        buttons.addWidget(self.connect_button)
        self.extra = QVBoxLayout()
        self.extra.addWidget(self.panel)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.form, 1)
        right.addLayout(self.extra, 1)
        right.addWidget(self._message)
        right.addWidget(line)
        right.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(14)
        layout.addLayout(left)
        layout.addLayout(right, 1)

    def _connect(self) -> None:
        self.list.chosen.connect(lambda name: self.leave(lambda: self._show_named(name)))
        self.form.changed.connect(self._update_buttons)
        self.form.changed.connect(self.panel.mark_outdated)
        self.panel.stop_requested.connect(self.stop_requested)
        self._add.clicked.connect(lambda: self.leave(self.show_new))
        self._remove.clicked.connect(lambda: self.remove_requested.emit(self._former))
        self._import.clicked.connect(lambda: self.leave(self.import_requested.emit))
        self._export.clicked.connect(lambda: self.export_requested.emit(self._former))
        self.test.clicked.connect(self._test_or_stop)
        self.save.clicked.connect(lambda: self._request(self.save_requested))
        self.connect_button.clicked.connect(lambda: self._request(self.connect_requested))
        self.form.submitted.connect(self.connect_button.click)

    def _request(self, signal: SignalInstance) -> None:
        """Ask to store what the form says, unless something is wrong with it."""
        self._message.hide()
        if self.form.show_problems():
            signal.emit(self.form.profile, self._former, self.form.typed_secret)

    def changeEvent(self, event: QEvent) -> None:
        """Say again which profiles are used when the operator comes back to the window."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self.list.show_in_use()

    def reject(self) -> None:
        """Close the window, unless there are unsaved changes to keep."""
        self.leave(lambda: QDialog.reject(self))
