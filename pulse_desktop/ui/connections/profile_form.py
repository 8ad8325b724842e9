"""Form of a connection profile. It stays editable while the connection is tested."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.connection_options import MULTILINE_SECRETS, ConnectionOptions
from pulse_desktop.profiles.profile import Color, Environment, Profile, SecretStorage
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.option_text import caption
from pulse_desktop.text.profile_text import color_text, environment_text, storage_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.form_fields import (
    FieldRow,
    PathField,
    combo_box,
    line_edit,
    select,
)
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

NO_LOGIN: Final = ""
_LOGINS: Final = {
    "password": _("User and password"),
    "token": _("Token"),
    "credentials": _(".creds file"),
    "credentials_content": _(".creds, pasted"),
    "nkey_file": _("nkey file"),
    "nkey_seed": _("nkey seed, pasted"),
    "password_file": _("User, password in a file"),
    "user": _("User without a password"),
    "token_file": _("Token in a file"),
    NO_LOGIN: _("No login"),
}
"""Kinds of login: the option that holds it, a secret, the path of a file or the user alone."""
_FILES: Final = ("credentials", "nkey_file", "password_file", "token_file")
_SECRETS: Final = {
    "password": _("Password"),
    "token": _("Token"),
    "credentials_content": _("Content"),
    "nkey_seed": _("Seed"),
}
_USERS: Final = ("password", "password_file", "user")
_NAMES: Final = ("subject", "consumer", "stream", "bucket", "subject_prefix")
_JETSTREAM: Final = ("js_domain", "js_api_prefix", "inbox_prefix")
_PATHS: Final = ("tls_ca", "tls_cert", "tls_key")
_LINES: Final = ("name", "servers", "user", *_JETSTREAM, *_NAMES, "monitor_url")
_MORE: Final = ("tls_cert", "tls_key", "tls_first", *_NAMES, *_JETSTREAM, "monitor_url")
"""Fields that few connections need, in the order of the form."""


def _no_problems(_profile: Profile) -> Mapping[str, str]:
    return {}


def _same_login(profile: Profile) -> tuple[Profile, str]:
    return profile, ""


class ProfileForm(QWidget):
    """The fields of a profile.

    Attributes:
        is_changed: whether the operator has changed a field since the form was filled.
        taken_names: names of other profiles, which are not suggested.
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
        self._has_keyring = True
        self.is_changed = False
        self._pasted_before = ""  # it is not shown: this field echoes
        self._find_problems: Callable[[Profile], Mapping[str, str]] = _no_problems
        self._separate_login: Callable[[Profile], tuple[Profile, str]] = _same_login
        self.taken_names: Collection[str] = ()
        self.servers = line_edit(
            caption("servers"), _("host, or nats://host:4222, nats://other:4222")
        )
        self.name = line_edit(_("Name"), "")
        self.login = combo_box(_("Login"))
        for key, text in _LOGINS.items():
            self.login.addItem(text, key)
        self.user = line_edit(caption("user"), "")
        self.secret = line_edit(_("Secret"), "")
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.pasted = QPlainTextEdit()
        self.pasted.setAccessibleName(_("Secret, several lines"))
        self.pasted.setTabChangesFocus(True)
        self.pasted.setFixedHeight(84)
        self.file = PathField(caption("credentials"))
        self.storage = combo_box(_("Keep the secret"))
        for storage in (SecretStorage.KEYRING, SecretStorage.ASK, SecretStorage.FILE):
            self.storage.addItem(storage_text(storage), storage)
        self.tls_ca = PathField(
            caption("tls_ca"), _("only for TLS with an authority of your own (ca.pem)")
        )
        self.environment = combo_box(_("Environment"))
        self.environment.addItem(_("Not stated"), None)
        for environment in Environment:
            self.environment.addItem(environment_text(environment), environment)
        self.color = combo_box(_("Color"))
        self.read_only = QCheckBox(_("Read-only: enqueue, cancel and command nothing"))
        self.confirm = QCheckBox(_("Ask before every action (production always asks)"))
        self.tls_cert = PathField(caption("tls_cert"))
        self.tls_key = PathField(caption("tls_key"))
        self.tls_first = QCheckBox(caption("tls_first"))
        self.subject = line_edit(_("Task subject"), TaskiqNames.subject)
        self.consumer = line_edit(_("Durable consumer"), TaskiqNames.consumer)
        self.stream = line_edit(_("Stream of the tasks"), _("found by the task subject"))
        self.bucket = line_edit(_("Result bucket"), TaskiqNames.bucket)
        self.subject_prefix = line_edit(_("Prefix of the events"), _("none"))
        self.js_domain = line_edit(caption("js_domain"), "")
        self.js_api_prefix = line_edit(caption("js_api_prefix"), "$JS.API")
        self.inbox_prefix = line_edit(caption("inbox_prefix"), "_INBOX")
        self.monitor_url = line_edit(_("Monitoring address"), "http://host:8222")
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
        for field in (*_JETSTREAM, "servers", "user"):
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
        file = next((key for key in _FILES if getattr(options, key)), NO_LOGIN)
        without_secret = file or ("user" if options.user else NO_LOGIN)
        is_empty = is_new and not options.servers
        select(self.login, "password" if is_empty else profile.secret or without_secret)
        is_long = profile.secret in MULTILINE_SECRETS
        self.secret.setText("" if is_long else secret)
        self.pasted.clear()
        self._pasted_before = secret if is_long else ""
        is_stored = bool(profile.secret) and not is_new
        is_asked = profile.secret_storage is SecretStorage.ASK
        kept = _("asked for when connecting") if is_asked else _("stored; type to replace it")
        kept = kept if is_stored else ""
        self.secret.setPlaceholderText(kept)
        self.pasted.setPlaceholderText(
            _("the one in use; paste to replace it") if self._pasted_before else kept
        )
        self.file.field.setText(getattr(options, file) if file else "")
        preferred = SecretStorage.KEYRING if self._has_keyring else SecretStorage.ASK
        select(self.storage, profile.secret_storage if is_stored else preferred)
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
        login = self._login
        # Qt returns the value of an enumeration, not its member.
        environment, color = self.environment.currentData(), self.color.currentData()
        given = {field: getattr(self, field).text().strip() for field in _NAMES}
        texts: dict[str, Any] = {
            **{field: getattr(self, field).text().strip() for field in _JETSTREAM},
            **{field: getattr(self, field).text for field in _PATHS},
        }
        if login in _FILES:
            texts[login] = self.file.text
        if login in _USERS:
            texts["user"] = self.user.text().strip()
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
            secret=login if login in _SECRETS else "",
            secret_storage=SecretStorage(self.storage.currentData()),
            read_only=self.read_only.isChecked(),
            confirm=self.confirm.isChecked(),
        )

    @property
    def _login(self) -> str:
        """The kind of login; that of a new profile is none until something is typed for it."""
        login: str = self.login.currentData()
        is_untouched = not self.user.text().strip() and not self.secret.text()
        return NO_LOGIN if login == "password" and self._is_new and is_untouched else login

    @property
    def typed_secret(self) -> str:
        """The secret that was typed, empty to keep the stored one."""
        login = self.login.currentData()
        if login not in _SECRETS:
            return ""
        if login in MULTILINE_SECRETS:
            return self.pasted.toPlainText() or self._pasted_before
        return self.secret.text()

    def focus_first(self) -> None:
        """Give the keyboard focus to the first field that has to be filled in."""
        first = self.name if self.servers.text() else self.servers
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_keyring(self, problem: str) -> None:
        """Offer the keyring to keep a secret in, or say why it cannot be used.

        Args:
            problem: a sentence, empty if it can be used.
        """
        self._has_keyring = not problem
        index = self.storage.findData(SecretStorage.KEYRING)
        # The model of a combo box is one of items, which can be disabled one by one.
        self.storage.model().item(index).setEnabled(not problem)  # type: ignore[attr-defined]
        set_tooltip(self.storage, problem)
        self.storage.setAccessibleDescription(problem)
        if problem and self._is_new and self.storage.currentIndex() == index:
            select(self.storage, SecretStorage.ASK)

    # Checks

    def show_problems(self) -> bool:
        """Show what is wrong at each field, and go to the first; return whether nothing is."""
        self._take_login()
        problems = self._problems()
        for field, row in self.rows.items():
            row.show_problem(problems.get(field, ""))
        first = next((row for field, row in self.rows.items() if field in problems), None)
        if first is not None:
            if any(field in problems for field in _MORE):
                self.more.setChecked(True)
            first.setFocus(Qt.FocusReason.OtherFocusReason)
        return first is None

    def _problems(self) -> Mapping[str, str]:
        found = dict(self._find_problems(self.profile))
        file = next((found.pop(field) for field in _FILES if field in found), "")
        login = self.login.currentData()
        if login in _FILES and not self.file.text:
            file = _("Choose the file.")
        if file:
            found["file"] = file
        if self._is_new and login in ("token", "nkey_seed") and not self.secret.text():
            found["secret"] = _("Give it here, or choose another login.")
        return found

    def _check(self, field: str) -> None:
        self.rows[field].show_problem(self._problems().get(field, ""))

    def _check_again(self, field: str) -> None:
        """Remove a problem as soon as it is corrected."""
        if not self.rows[field].problem.isHidden():
            self._check(field)

    def _take_login(self) -> None:
        """Move a login that was typed into the address to the fields of the login."""
        if "@" not in self.servers.text():
            return
        typed = Profile(options=ConnectionOptions(self.servers.text().strip()))
        profile, secret = self._separate_login(typed)
        if profile.secret:
            self.servers.setText(profile.options.servers)
            self.user.setText(profile.options.user)
            self.secret.setText(secret)
            select(self.login, profile.secret)
            self.changed.emit()

    def _suggest_name(self) -> None:
        """Suggest the host as the name."""
        first = self.servers.text().partition(",")[0].strip().rpartition("://")[2]
        host = first.rpartition("@")[2].partition("/")[0]
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
            ("environment", _("Environment")),
            ("color", _("Color")),
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
        scroll = QScrollArea()
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

    def _on_edited(self, field: str) -> None:
        self._check_again(field)
        self.changed.emit()

    def _on_finished(self, field: str) -> None:
        """Check a field that was left. An empty one is not wrong yet."""
        if field == "servers":
            self._take_login()
        if self._line(field).text().strip():
            self._check(field)

    def _show_login(self) -> None:
        """Show the fields of the chosen kind of login."""
        login = self.login.currentData()
        shown = {
            "user": login in _USERS,
            "secret": login in _SECRETS and login not in MULTILINE_SECRETS,
            "pasted": login in MULTILINE_SECRETS,
            "file": login in _FILES,
            "storage": login in _SECRETS,
        }
        for field, is_shown in shown.items():
            self._form.setRowVisible(self.rows[field], is_shown)
        self._labels["secret"].setText(_SECRETS.get(login, ""))
        self.secret.setAccessibleName(_SECRETS.get(login, _("Secret")))

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
