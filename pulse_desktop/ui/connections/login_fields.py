"""Fields of the login of a profile, and where its secret is kept."""

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit

from pulse_desktop.model.connection_options import MULTILINE_SECRETS
from pulse_desktop.profiles.profile import Profile, SecretStorage
from pulse_desktop.text.option_text import caption
from pulse_desktop.text.profile_text import storage_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.form_fields import PathField, combo_box, line_edit, select
from pulse_desktop.ui.theme.plain_text import set_tooltip

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
_OF_USERS: Final = frozenset({"password", "password_file", "user"})
_SECRETS: Final = {
    "password": _("Password"),
    "token": _("Token"),
    "credentials_content": _("Content"),
    "nkey_seed": _("Seed"),
}

_NOT_KEPT: Final = _(
    "The stored one is not used for another server or login, and is deleted. "
    "Give it again, or choose to be asked for it."
)


class StorageBox(QComboBox):
    """The choice where a secret is kept."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._has_keyring = True
        for storage in (SecretStorage.KEYRING, SecretStorage.ASK, SecretStorage.FILE):
            self.addItem(storage_text(storage), storage)

    @property
    def storage(self) -> SecretStorage:
        """The chosen one."""
        return SecretStorage(self.currentData())

    def choose(self, storage: SecretStorage | None) -> None:
        """Choose one; None for the keyring, or to be asked where it cannot be used."""
        usual = SecretStorage.KEYRING if self._has_keyring else SecretStorage.ASK
        select(self, storage or usual)

    def show_keyring(self, problem: str) -> None:
        """Offer the keyring, or say why it cannot be used.

        Args:
            problem: a sentence, empty if it can be used.
        """
        self._has_keyring = not problem
        index = self.findData(SecretStorage.KEYRING)
        # The model of a combo box is one of items, which can be disabled one by one.
        self.model().item(index).setEnabled(not problem)  # type: ignore[attr-defined]
        set_tooltip(self, problem)
        self.setAccessibleDescription(problem)


class LoginFields:
    """The fields, for a form to lay out.

    Attributes:
        kind: the kind of login.
        user: of a password.
        secret: in one line, not echoed.
        pasted: in several lines.
        file: the path of the file that holds it.
        storage: where the secret is kept.
    """

    def __init__(self) -> None:
        self.kind = combo_box(_("Login"))
        for key, text in _LOGINS.items():
            self.kind.addItem(text, key)
        self.user = line_edit(caption("user"), "")
        self.secret = line_edit(_("Secret"), "")
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.pasted = QPlainTextEdit()
        self.pasted.setAccessibleName(_("Secret, several lines"))
        self.pasted.setTabChangesFocus(True)
        self.pasted.setFixedHeight(84)
        self.file = PathField(caption("credentials"))
        self.storage = StorageBox(_("Keep the secret"))
        self._is_new = True
        self._is_asked = True
        self._pasted_before = ""  # it is not shown: this field echoes

    def show_profile(self, profile: Profile, secret: str, *, is_new: bool) -> None:
        """Fill the fields.

        Args:
            profile: without its secret.
            secret: to show as typed.
            is_new: whether the profile is not stored yet.
        """
        self._is_new = is_new
        options = profile.options
        file = next((key for key in _FILES if getattr(options, key)), NO_LOGIN)
        without_secret = file or ("user" if options.user else NO_LOGIN)
        is_empty = is_new and not options.servers
        select(self.kind, "password" if is_empty else profile.secret or without_secret)
        self.user.setText(options.user)
        self.file.field.setText(getattr(options, file) if file else "")
        self.file.field.setCursorPosition(0)  # a long path shows its beginning
        is_long = profile.secret in MULTILINE_SECRETS
        self.secret.setText("" if is_long else secret)
        self.pasted.clear()
        self._pasted_before = secret if is_long else ""
        is_stored = bool(profile.secret) and not is_new
        self._is_asked = profile.secret_storage is SecretStorage.ASK
        self.show_kept(is_kept=True)
        self.storage.choose(profile.secret_storage if is_stored else None)

    def show_kept(self, *, is_kept: bool) -> None:
        """Say in the empty field whether the stored secret is used, or none is.

        Args:
            is_kept: whether it is for the login and the servers that are in the form now.
        """
        kept = _("asked for when connecting") if self._is_asked else _("stored; type to replace it")
        if not is_kept and not self._is_asked:
            kept = _("the stored one is not used for this server or login")
        text = "" if self._is_new else kept
        self.secret.setPlaceholderText(text)
        in_use = _("the one in use; paste to replace it")
        self.pasted.setPlaceholderText(in_use if self._pasted_before else text)

    def take(self, profile: Profile, secret: str) -> None:
        """Take over a login that was typed elsewhere, such as into an address."""
        select(self.kind, profile.secret)
        self.user.setText(profile.options.user)
        self.file.field.clear()  # the secret may be there
        is_long = profile.secret in MULTILINE_SECRETS
        self.secret.setText("" if is_long else secret)
        self.pasted.clear()
        self._pasted_before = secret if is_long else ""
        self.pasted.setPlaceholderText(_("taken over; paste to replace it") if is_long else "")

    def show_keyring(self, problem: str) -> None:
        """Offer the keyring, or say why it cannot be used; see `StorageBox`."""
        was_usual = self.storage.storage is SecretStorage.KEYRING
        self.storage.show_keyring(problem)
        if self._is_new and was_usual:
            self.storage.choose(None)

    @property
    def options(self) -> dict[str, str]:
        """The options that hold the login, without its secret."""
        kind: str = self.kind.currentData()
        found = {kind: self.file.text} if kind in _FILES else {}
        if kind in _OF_USERS:
            found["user"] = self.user.text().strip()
        return found

    @property
    def secret_kind(self) -> str:
        """The option that the secret is for; empty without one.

        A new profile has none until something is typed for it.
        """
        kind: str = self.kind.currentData()
        is_untouched = not self.user.text().strip() and not self.secret.text()
        if kind not in _SECRETS or (kind in _OF_USERS and self._is_new and is_untouched):
            return ""
        return kind

    @property
    def typed_secret(self) -> str:
        """The secret that was typed, empty to keep the stored one."""
        kind = self.kind.currentData()
        if kind in MULTILINE_SECRETS:
            return self.pasted.toPlainText() or self._pasted_before
        return self.secret.text() if kind in _SECRETS else ""

    @property
    def shown(self) -> Mapping[str, bool]:
        """Whether each field belongs to the chosen kind, by its attribute."""
        kind = self.kind.currentData()
        return {
            "user": kind in _OF_USERS,
            "secret": kind in _SECRETS and kind not in MULTILINE_SECRETS,
            "pasted": kind in MULTILINE_SECRETS,
            "file": kind in _FILES,
            "storage": kind in _SECRETS,
        }

    @property
    def secret_caption(self) -> str:
        """How the secret of the chosen kind is called."""
        return _SECRETS.get(self.kind.currentData(), _("Secret"))

    def moved_problems(
        self, problems: Mapping[str, str], *, is_kept: bool = True
    ) -> dict[str, str]:
        """Return problems by field, those of the login by the attributes here.

        Args:
            problems: by field of a profile.
            is_kept: whether a stored secret is for the login and the servers that are in the form;
                else it is not used for them, and another one is to be stored.
        """
        found: dict[str, Any] = {key: each for key, each in problems.items() if key not in _FILES}
        kind = self.kind.currentData()
        if kind in _FILES:
            file = problems.get(kind, "") if self.file.text else _("Choose the file.")
            if file:
                found["file"] = file
        field = "pasted" if kind in MULTILINE_SECRETS else "secret"
        if kind not in _SECRETS or self.typed_secret:
            return found
        if self._is_new and kind not in _OF_USERS:
            found[field] = _("Give it here, or choose another login.")
        is_stored = not self._is_new and not self._is_asked
        if is_stored and not is_kept and self.storage.storage is not SecretStorage.ASK:
            found[field] = _NOT_KEPT
        return found
