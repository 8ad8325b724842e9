"""Form of a connection profile. It stays editable while the connection is tested."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.model.file_content import is_file_content
from pulse_desktop.profiles.profile import Color, Environment, Profile
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.option_text import caption
from pulse_desktop.text.profile_text import color_text, environment_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.form_fields import (
    FieldRow,
    PathField,
    combo_box,
    line_edit,
    select,
)
from pulse_desktop.ui.connections.login_fields import LoginFields
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme

_NAMES: Final = ("subject", "consumer", "stream", "bucket", "subject_prefix")
_JETSTREAM: Final = ("js_domain", "js_api_prefix", "inbox_prefix")
_PATHS: Final = ("tls_ca", "tls_cert", "tls_key")
_LINES: Final = ("name", "servers", "user", *_JETSTREAM, *_NAMES, "monitor_url")
_ADVISED: Final = (*_PATHS, "tls_first", "js_domain", "js_api_prefix", "inbox_prefix")
"""Fields that the advice of a failed step names."""
_FIELDS_OF_STEPS: Final = {StepKind.LOGIN: "login", StepKind.TLS: "tls_ca"}
"""Fields that other failed steps are about; the address for most."""
_OF_LOGIN: Final = ("secret", "pasted", "file", "user")
_MORE: Final = ("tls_cert", "tls_key", "tls_first", *_NAMES, *_JETSTREAM, "monitor_url")
"""Fields that few connections need, in the order of the form."""


def _no_problems(_profile: Profile) -> Mapping[str, str]:
    return {}


def _same_login(profile: Profile) -> tuple[Profile, str]:
    return profile, ""


class ProfileForm(QWidget):
    """The fields of a profile.

    Attributes:
        taken_names: names of other profiles, which are not suggested.
        is_changed: whether the operator has changed a field since the form was filled.
        rows: the fields with what is wrong with them, by the field of the profile.

    Signals:
        changed: a field was changed by the operator.
        submitted: Enter was pressed in a line.
    """

    changed = Signal()
    submitted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stored = Profile()
        self._is_new = True
        self.is_changed = False
        self._find_problems: Callable[[Profile], Mapping[str, str]] = _no_problems
        self._separate_login: Callable[[Profile], tuple[Profile, str]] = _same_login
        self.taken_names: Collection[str] = ()
        self.servers = line_edit(
            caption("servers"), _("host, or nats://host:4222, nats://other:4222")
        )
        self.name = line_edit(_("Name"), "")
        self._login = login = LoginFields()
        self.login, self.user, self.secret = login.kind, login.user, login.secret
        self.pasted, self.file, self.storage = login.pasted, login.file, login.storage
        self.tls_ca = PathField(
            caption("tls_ca"), _("only for TLS with an authority of your own (ca.pem)")
        )
        self.environment = combo_box(caption("environment"))
        self.environment.addItem(_("Not stated"), None)
        for environment in Environment:
            self.environment.addItem(environment_text(environment), environment)
        self.color = combo_box(caption("color"))
        self.read_only = QCheckBox(_("Read-only: enqueue, cancel and command nothing"))
        self.confirm = QCheckBox(_("Ask before every action (production always asks)"))
        self.tls_cert = PathField(caption("tls_cert"))
        self.tls_key = PathField(caption("tls_key"))
        self.tls_first = QCheckBox(caption("tls_first"))
        self.subject = line_edit(caption("subject"), TaskiqNames.subject)
        self.consumer = line_edit(caption("consumer"), TaskiqNames.consumer)
        self.stream = line_edit(caption("stream"), _("found by the task subject"))
        self.bucket = line_edit(caption("bucket"), TaskiqNames.bucket)
        self.subject_prefix = line_edit(caption("subject_prefix"), _("none"))
        self.js_domain = line_edit(caption("js_domain"), "")
        self.js_api_prefix = line_edit(caption("js_api_prefix"), "$JS.API")
        self.inbox_prefix = line_edit(caption("inbox_prefix"), "_INBOX")
        self.monitor_url = line_edit(caption("monitor_url"), "http://host:8222")
        self.more = QToolButton()
        self.more.setText(_("More: client certificate, names, JetStream, monitoring"))
        self.more.setCheckable(True)
        self.more.setProperty("kind", "ghost")
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.rows: dict[str, FieldRow] = {}
        self._labels: dict[str, Label] = {}
        self._lay_out()
        self._connect()
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self.show_profile(Profile(), is_new=True)

    # Content

    def use_checks(
        self,
        find_problems: Callable[[Profile], Mapping[str, str]],
        separate_login: Callable[[Profile], tuple[Profile, str]],
    ) -> None:
        """Check what is typed.

        Args:
            find_problems: returns what is wrong with a profile, by field.
            separate_login: takes a login out of the addresses of a profile: the profile without
                it, and its secret.
        """
        self._find_problems, self._separate_login = find_problems, separate_login

    def show_profile(self, profile: Profile, *, is_new: bool) -> None:
        """Fill the form.

        Args:
            profile: to show; a secret in it is shown as typed.
            is_new: whether it is not stored yet.
        """
        profile, secret = self._separate_login(profile)
        self._stored, self._is_new = profile, is_new
        options, names = profile.options, profile.names
        defaults = TaskiqNames()
        for field in (*_JETSTREAM, "servers"):
            getattr(self, field).setText(getattr(options, field))
        for field in _NAMES:
            value = getattr(names, field)
            getattr(self, field).setText("" if value == getattr(defaults, field) else value)
        for field in _PATHS:
            getattr(self, field).field.setText(getattr(options, field))
        self.name.setText(profile.name)
        self.monitor_url.setText(profile.monitor_url)
        select(self.environment, profile.environment)
        select(self.color, profile.color)
        for line in map(self._line, ("servers", *_PATHS)):
            line.setCursorPosition(0)  # a long text shows its beginning
        self._login.show_profile(profile, secret, is_new=is_new)
        self.tls_first.setChecked(options.tls_first)
        self.read_only.setChecked(profile.read_only)
        self.confirm.setChecked(profile.confirm)
        for row in self.rows.values():
            row.show_problem("")
        texts = (getattr(self, each) for each in _MORE if each in _LINES)
        paths = self.tls_cert.text or self.tls_key.text
        self.more.setChecked(any(line.text() for line in texts) or bool(paths) or options.tls_first)
        self._show_login()
        self.is_changed = False

    @property
    def profile(self) -> Profile:
        """The profile as the fields say, without its secret."""
        # Qt returns the value of an enumeration, not its member.
        environment, color = self.environment.currentData(), self.color.currentData()
        given = {field: getattr(self, field).text().strip() for field in _NAMES}
        texts: dict[str, Any] = {
            **{field: getattr(self, field).text().strip() for field in _JETSTREAM},
            **{field: getattr(self, field).text for field in _PATHS},
        }
        texts |= self._login.options
        options = ConnectionOptions(
            servers=self.servers.text().strip(), tls_first=self.tls_first.isChecked(), **texts
        )
        return replace(
            self._stored,
            name=self.name.text().strip() or self.name.placeholderText(),
            options=options,
            names=TaskiqNames(**{field: text for field, text in given.items() if text}),
            environment=Environment(environment) if environment else None,
            color=Color(color) if color else None,
            monitor_url=self.monitor_url.text().strip(),
            secret=self._login.secret_kind,
            secret_storage=self.storage.storage,
            read_only=self.read_only.isChecked(),
            confirm=self.confirm.isChecked(),
        )

    @property
    def typed_secret(self) -> str:
        """The secret that was typed, empty to keep the stored one."""
        return self._login.typed_secret

    def focus_first(self) -> None:
        """Give the keyboard focus to the first field that has to be filled in."""
        first = self.name if self.servers.text() else self.servers
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_failed(self, steps: Sequence[ConnectionStep]) -> None:
        """Give the keyboard focus to the field that the first failed step is about.

        Args:
            steps: of a test, their advice with the captions of the fields.
        """
        step = next((each for each in steps if each.status is StepStatus.FAILED), None)
        if step is None:
            return
        named = (each for each in _ADVISED if f"“{caption(each)}”" in step.advice)
        field = next(named, _FIELDS_OF_STEPS.get(step.kind, "servers"))
        if field == "login":
            shown = self._login.shown
            field = next((each for each in _OF_LOGIN if shown[each]), "login")
        if field in _MORE:
            self.more.setChecked(True)
        self._go_to(self.rows[field])

    def _go_to(self, row: FieldRow) -> None:
        """Give a field the keyboard focus, and scroll to it once everything has its place."""
        row.setFocus(Qt.FocusReason.OtherFocusReason)
        QTimer.singleShot(0, self, lambda: self._scroll.ensureWidgetVisible(row))

    def show_keyring(self, problem: str) -> None:
        """Offer the keyring to keep a secret in, or say why it cannot be used.

        Args:
            problem: a sentence, empty if it can be used.
        """
        self._login.show_keyring(problem)

    # Checks

    def show_problems(self) -> bool:
        """Show what is wrong at each field, and go to the first; return whether nothing is."""
        self.take_login()
        problems = self._problems()
        for field, row in self.rows.items():
            row.show_problem(problems.get(field, ""))
        first = next((row for field, row in self.rows.items() if field in problems), None)
        if first is not None:
            if any(field in problems for field in _MORE):
                self.more.setChecked(True)
            self._go_to(first)
        return first is None

    def _problems(self) -> Mapping[str, str]:
        profile = self.profile
        is_kept = not self._stored.secret or profile.keeps_secret_of(self._stored)
        return self._login.moved_problems(self._find_problems(profile), is_kept=is_kept)

    def _check(self, field: str) -> None:
        self.rows[field].show_problem(self._problems().get(field, ""))

    def _check_again(self, field: str) -> None:
        """Remove a problem as soon as it is corrected."""
        if not self.rows[field].problem.isHidden():
            self._check(field)

    def take_login(self) -> None:
        """Move a login that was typed into the address to the fields of the login.

        A seed or credentials in place of the path of their file are moved as well.
        """
        given: dict[str, Any] = self._login.options
        content = {field: text for field, text in given.items() if is_file_content(text)}
        if "@" not in self.servers.text() and not content:
            return
        typed = Profile(options=ConnectionOptions(self.servers.text().strip(), **content))
        profile, secret = self._separate_login(typed)
        if profile.secret:
            self.servers.setText(profile.options.servers)
            self._login.take(profile, secret)
            self.changed.emit()

    def _suggest_name(self) -> None:
        """Suggest the host as the name."""
        first = self.servers.text().partition(",")[0].strip()
        authority = (first.partition("://")[2] or first).partition("/")[0]
        host = authority.rpartition("@")[2]
        if not host.startswith("["):
            host = host.partition(":")[0]
        name, number = host, 2
        while name in self.taken_names and name:
            name, number = f"{host} {number}", number + 1
        self.name.setPlaceholderText(name)

    # Layout

    def _lay_out(self) -> None:
        self._form, self._more = QFormLayout(), QWidget()
        more = QFormLayout(self._more)
        more.setContentsMargins(0, 0, 0, 0)
        for form in (self._form, more):
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
            form.setHorizontalSpacing(14)
            form.setVerticalSpacing(8)
        for field, text in (
            ("servers", caption("servers")),
            ("name", _("Name")),
            ("login", _("Login")),
            ("user", caption("user")),
            ("secret", _("Password")),
            ("pasted", _("Content")),
            ("file", _("File")),
            ("storage", _("Keep it")),
            ("tls_ca", caption("tls_ca")),
            ("environment", caption("environment")),
            ("color", caption("color")),
            ("read_only", _("Actions")),
            ("confirm", ""),
        ):
            self._add_row(self._form, field, text)
        for field in _MORE:
            is_box = field == "tls_first"
            self._add_row(more, field, "" if is_box else self._line(field).accessibleName())
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(18, 14, 18, 14)
        column.setSpacing(10)
        column.addLayout(self._form)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._more)
        column.addStretch(1)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def _add_row(self, form: QFormLayout, field: str, text: str) -> None:
        widget: QWidget = getattr(self, field)
        label = Label(text)
        label.setBuddy(widget)
        row = FieldRow(widget)
        form.addRow(label, row)
        self.rows[field], self._labels[field] = row, label

    def _line(self, field: str) -> QLineEdit:
        """Return the line of a field, that of a path included."""
        widget: QLineEdit | PathField = getattr(self, field)
        return widget.field if isinstance(widget, PathField) else widget

    def _connect(self) -> None:
        self.changed.connect(self._mark_changed)
        for field in (*_LINES, *_PATHS, "secret", "file"):
            line = self._line(field)
            line.textEdited.connect(lambda _text, each=field: self._on_edited(each))
            line.editingFinished.connect(lambda each=field: self._on_finished(each))
            line.returnPressed.connect(self.submitted)
        self.servers.textChanged.connect(lambda _text: self._suggest_name())
        self.pasted.textChanged.connect(self.changed)
        for combo in (self.environment, self.color, self.login, self.storage):
            combo.activated.connect(lambda _index: self.changed.emit())
        for box in (self.tls_first, self.read_only, self.confirm):
            box.clicked.connect(lambda _on: self.changed.emit())
        self.login.currentIndexChanged.connect(lambda _index: self._show_login())
        self.more.toggled.connect(lambda _on: self._show_more())

    def _mark_changed(self) -> None:
        self.is_changed = True
        if self._stored.secret:
            self._login.show_kept(is_kept=self.profile.keeps_secret_of(self._stored))

    def _on_edited(self, field: str) -> None:
        self._check_again(field)
        self.changed.emit()

    def _on_finished(self, field: str) -> None:
        """Check a field that was left. An empty one is not wrong yet."""
        if field in ("servers", "file"):
            self.take_login()
        if self._line(field).text().strip():
            self._check(field)

    def _show_login(self) -> None:
        """Show the fields of the chosen kind of login."""
        for field, is_shown in self._login.shown.items():
            self._form.setRowVisible(self.rows[field], is_shown)
        self._labels["secret"].setText(self._login.secret_caption)
        self.secret.setAccessibleName(self._login.secret_caption)

    def _show_more(self) -> None:
        arrow = "chevron-down" if self.more.isChecked() else "chevron-right"
        self.more.setIcon(icons.icon(arrow, size=12))
        self._more.setVisible(self.more.isChecked())

    def _apply_theme(self) -> None:
        self._show_more()
        chosen = self.color.currentData()
        self.color.clear()
        self.color.addItem(_("That of the environment"), None)
        for color in Color:
            dot = icons.icon("dot", theme().profile(color.value).name())
            self.color.addItem(dot, color_text(color), color)
        select(self.color, chosen)
