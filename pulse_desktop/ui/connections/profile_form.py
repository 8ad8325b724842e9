"""Form of a connection profile. It stays editable while the connection is tested."""

from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Color, Environment, Profile, SecretStorage
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.profile_text import color_text, environment_text, storage_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.window_title import set_title

NO_LOGIN: Final = ""
_LOGINS: Final = {
    NO_LOGIN: _("No login"),
    "password": _("User and password"),
    "token": _("Token"),
    "credentials": _(".creds file"),
    "credentials_content": _(".creds, pasted"),
    "nkey_file": _("nkey file"),
    "nkey_seed": _("nkey seed, pasted"),
}
"""Kinds of login: the option that holds it, which is a secret or the path of a file."""
_FILES: Final = frozenset({"credentials", "nkey_file"})
_SECRETS: Final = frozenset({"password", "token", "credentials_content", "nkey_seed"})


class ProfileForm(QWidget):
    """The fields of a profile.

    Signals:
        changed: a field was changed by the operator.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stored = Profile()
        self.name = _line(_("Name"), _("such as orders, or EU production"))
        self.environment = _combo(_("Environment"))
        self.environment.addItem(_("Not stated"), None)
        for environment in Environment:
            self.environment.addItem(environment_text(environment), environment)
        self.color = _combo(_("Color"))
        self.servers = _line(_("Server"), "nats://host:4222, nats://other:4222")
        self.login = _combo(_("Login"))
        for key, text in _LOGINS.items():
            self.login.addItem(text, key)
        self.user = _line(_("User"), "")
        self.secret = _line(_("Secret"), "")
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.pasted = QPlainTextEdit()
        self.pasted.setAccessibleName(_("Secret, several lines"))
        self.pasted.setTabChangesFocus(True)
        self.pasted.setFixedHeight(84)
        self.file = _PathField(_("Login file"))
        self.storage = _combo(_("Keep the secret"))
        for storage in (SecretStorage.KEYRING, SecretStorage.ASK, SecretStorage.FILE):
            self.storage.addItem(storage_text(storage), storage)
        self.tls_ca = _PathField(_("CA certificate"))
        self.tls_cert = _PathField(_("Client certificate"))
        self.tls_key = _PathField(_("Its private key"))
        self.tls_first = QCheckBox(_("TLS handshake first"))
        self.read_only = QCheckBox(_("Read-only: enqueue, cancel and command nothing"))
        self.confirm = QCheckBox(_("Ask before every action (production always asks)"))
        self.js_domain = _line(_("JetStream domain"), "")
        self.js_api_prefix = _line(_("JetStream API prefix"), "$JS.API")
        self.inbox_prefix = _line(_("Inbox prefix"), "_INBOX")
        self.subject = _line(_("Task subject"), TaskiqNames.subject)
        self.consumer = _line(_("Durable consumer"), TaskiqNames.consumer)
        self.bucket = _line(_("Result bucket"), TaskiqNames.bucket)
        self.monitor_url = _line(_("Monitoring address"), "http://host:8222")
        self.more = QToolButton()
        self.more.setText(_("Names, JetStream and monitoring"))
        self.more.setCheckable(True)
        self.more.setProperty("kind", "ghost")
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._lay_out()
        self._connect()
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self.show_profile(Profile(), is_new=True)

    def show_profile(self, profile: Profile, *, is_new: bool) -> None:
        """Fill the form.

        Args:
            profile: without its secret.
            is_new: whether it is not stored yet.
        """
        self._stored = profile
        options, names = profile.options, profile.names
        self.name.setText(profile.name)
        _select(self.environment, profile.environment)
        _select(self.color, profile.color)
        self.servers.setText(options.servers)
        file = next((key for key in sorted(_FILES) if getattr(options, key)), NO_LOGIN)
        _select(self.login, profile.secret or file)
        self.user.setText(options.user)
        self.secret.clear()
        self.pasted.clear()
        kept = _("stored; type to replace it") if profile.secret and not is_new else ""
        self.secret.setPlaceholderText(kept)
        self.pasted.setPlaceholderText(kept)
        self.file.field.setText(getattr(options, file) if file else "")
        storage = profile.secret_storage if profile.secret else SecretStorage.KEYRING
        _select(self.storage, storage)
        for field in ("tls_ca", "tls_cert", "tls_key"):
            getattr(self, field).field.setText(getattr(options, field))
        self.tls_first.setChecked(options.tls_first)
        self.read_only.setChecked(profile.read_only)
        self.confirm.setChecked(profile.confirm)
        for field in ("js_domain", "js_api_prefix", "inbox_prefix"):
            getattr(self, field).setText(getattr(options, field))
        defaults = TaskiqNames()
        for field in ("subject", "consumer", "bucket"):
            value = getattr(names, field)
            getattr(self, field).setText("" if value == getattr(defaults, field) else value)
        self.monitor_url.setText(profile.monitor_url)
        self.more.setChecked(any(line.text() for line in self._more_lines()) or options.tls_first)
        self._show_login()

    @property
    def profile(self) -> Profile:
        """The profile as the fields say, without its secret."""
        login = self.login.currentData()
        # Qt returns the value of an enumeration, not its member.
        environment, color = self.environment.currentData(), self.color.currentData()
        names = {
            field: text
            for field in ("subject", "consumer", "bucket")
            if (text := getattr(self, field).text().strip())
        }
        options = replace(
            ConnectionOptions(),
            servers=self.servers.text().strip(),
            user=self.user.text().strip() if login == "password" else "",
            tls_ca=self.tls_ca.text,
            tls_cert=self.tls_cert.text,
            tls_key=self.tls_key.text,
            tls_first=self.tls_first.isChecked(),
            js_domain=self.js_domain.text().strip(),
            js_api_prefix=self.js_api_prefix.text().strip(),
            inbox_prefix=self.inbox_prefix.text().strip(),
        )
        if login in _FILES:
            file: dict[str, Any] = {login: self.file.text}
            options = replace(options, **file)
        return replace(
            self._stored,
            name=self.name.text().strip(),
            options=options,
            names=replace(self._stored.names, **self._defaults_of_names(names)),
            environment=Environment(environment) if environment else None,
            color=Color(color) if color else None,
            monitor_url=self.monitor_url.text().strip(),
            secret=login if login in _SECRETS else "",
            secret_storage=SecretStorage(self.storage.currentData()),
            read_only=self.read_only.isChecked(),
            confirm=self.confirm.isChecked(),
        )

    @property
    def typed_secret(self) -> str:
        """The secret that was typed, empty to keep the stored one."""
        is_long = self.login.currentData() == "credentials_content"
        return self.pasted.toPlainText() if is_long else self.secret.text()

    def focus_first(self) -> None:
        """Give the keyboard focus to the first field that has to be filled in."""
        first = self.name if not self.name.text() else self.servers
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    @staticmethod
    def _defaults_of_names(given: dict[str, str]) -> dict[str, str]:
        defaults = TaskiqNames()
        return {
            field: given.get(field, getattr(defaults, field))
            for field in ("subject", "consumer", "bucket")
        }

    def _more_lines(self) -> tuple[QLineEdit, ...]:
        return (
            self.js_domain,
            self.js_api_prefix,
            self.inbox_prefix,
            self.subject,
            self.consumer,
            self.bucket,
            self.monitor_url,
        )

    def _lay_out(self) -> None:
        self._form = form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        self._add_row(_("Name"), self.name)
        self._add_row(_("Server"), self.servers)
        self._add_row(_("Environment"), self.environment)
        self._add_row(_("Color"), self.color)
        self._add_row(_("Login"), self.login)
        self._add_row(_("User"), self.user)
        self._add_row(_("Secret"), self.secret)
        self._add_row(_("Content"), self.pasted)
        self._add_row(_("File"), self.file)
        self._add_row(_("Keep it"), self.storage)
        self._add_row(_("CA certificate"), self.tls_ca)
        self._add_row(_("Certificate"), self.tls_cert)
        self._add_row(_("Private key"), self.tls_key)
        self._add_row("", self.tls_first)
        self._add_row(_("Actions"), self.read_only)
        self._add_row("", self.confirm)
        self._more = QWidget()
        more = QFormLayout(self._more)
        more.setContentsMargins(0, 0, 0, 0)
        more.setHorizontalSpacing(14)
        more.setVerticalSpacing(8)
        for line in self._more_lines():
            label = Label(line.accessibleName())
            label.setBuddy(line)
            more.addRow(label, line)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(18, 14, 18, 14)
        column.setSpacing(10)
        column.addLayout(form)
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

    def _add_row(self, text: str, field: QWidget) -> None:
        label = Label(text)
        label.setBuddy(field)
        self._form.addRow(label, field)

    def _connect(self) -> None:
        lines = (self.name, self.servers, self.user, self.secret, *self._more_lines())
        for line in (*lines, self.file.field, self.tls_ca.field, self.tls_cert.field):
            line.textEdited.connect(lambda _text: self.changed.emit())
        self.tls_key.field.textEdited.connect(lambda _text: self.changed.emit())
        self.pasted.textChanged.connect(self.changed)
        for combo in (self.environment, self.color, self.login, self.storage):
            combo.activated.connect(lambda _index: self.changed.emit())
        for box in (self.tls_first, self.read_only, self.confirm):
            box.clicked.connect(lambda _on: self.changed.emit())
        self.login.currentIndexChanged.connect(lambda _index: self._show_login())
        self.more.toggled.connect(self._show_more)

    def _show_login(self) -> None:
        """Show the fields of the chosen kind of login."""
        login = self.login.currentData()
        form = self._form
        form.setRowVisible(self.user, login == "password")
        form.setRowVisible(self.secret, login in _SECRETS - {"credentials_content"})
        form.setRowVisible(self.pasted, login == "credentials_content")
        form.setRowVisible(self.file, login in _FILES)
        form.setRowVisible(self.storage, login in _SECRETS)

    def _show_more(self, shown: bool) -> None:
        self._more.setVisible(shown)
        self._apply_theme()

    def _apply_theme(self) -> None:
        arrow = "chevron-down" if self.more.isChecked() else "chevron-right"
        self.more.setIcon(icons.icon(arrow, size=12))
        self._more.setVisible(self.more.isChecked())
        chosen = self.color.currentData()
        self.color.clear()
        self.color.addItem(_("That of the environment"), None)
        for color in Color:
            dot = icons.icon("dot", theme().profile(color.value).name())
            self.color.addItem(dot, color_text(color), color)
        _select(self.color, chosen)


class _PathField(QWidget):
    """A line with a path, and a button that opens a file dialog."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.field = _line(name, "")
        button = QPushButton(_("Choose…"))
        button.setAccessibleName(_("Choose a file: {name}").format(name=name))
        button.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.field, 1)
        layout.addWidget(button)
        self.setFocusProxy(self.field)

    @property
    def text(self) -> str:
        return self.field.text().strip()

    def _choose(self) -> None:
        dialog = QFileDialog(self.window())
        set_title(dialog, self.field.accessibleName())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._take)
        dialog.open()

    def _take(self, path: str) -> None:
        self.field.setText(path)
        self.field.textEdited.emit(path)


def _line(name: str, placeholder: str) -> QLineEdit:
    line = QLineEdit()
    line.setAccessibleName(name)
    line.setPlaceholderText(placeholder)
    return line


def _combo(name: str) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    return combo


def _select(combo: QComboBox, data: object) -> None:
    for index in range(combo.count()):
        if combo.itemData(index) == data:
            combo.setCurrentIndex(index)
            return
    combo.setCurrentIndex(0)
