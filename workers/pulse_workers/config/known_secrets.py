"""The secrets that this process knows, and texts of errors without them.

The text of an error is published, stored and shown to many users. Libraries repeat in it what they
were called with: an address with a login, or the key of a request.
"""

from collections.abc import Iterable
from typing import Final

from pulse_desktop.model.redaction import redact, redact_known, redacted_start, secret_forms

MIN_SECRET: Final = 4
"""Characters. Masking a shorter text would mask ordinary words."""


class KnownSecrets:
    """The secrets of a process: its settings, environment variables, and files that it has read.

    One that was replaced in its file is still known: it may be valid, and texts may repeat it.

    Attributes:
        forms: each secret in the forms that it has in texts, longest first.
    """

    def __init__(self) -> None:
        self.forms: tuple[str, ...] = ()
        self._added: set[str] = set()

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these secrets from now on, unless they are too short."""
        new = set(secrets) - self._added
        if new:
            self._added |= new
            self._update()

    def clear(self) -> None:
        """Forget all secrets."""
        self._added.clear()
        self._update()

    def mask(self, text: str) -> str:
        """Replace each secret, and private keys, in a text of any length."""
        return redact_known(text, self.forms)

    def _update(self) -> None:
        known = {secret for secret in self._added if len(secret.strip()) >= MIN_SECRET}
        self.forms = secret_forms(known)  # assigned at once: threads mask log lines


KNOWN_SECRETS: Final = KnownSecrets()
"""Those of this process."""


def without_secrets(text: str, length: int | None = None) -> str:
    """Return a text with known secrets and the credentials of addresses masked.

    Args:
        text: any text, of any length.
        length: maximum number of characters; the rest is left out.
    """
    text = KNOWN_SECRETS.mask(text)
    return redact(text) if length is None else redacted_start(text, length)


def message_of(error: BaseException) -> str:
    """Return the text of an error, also if its own code fails to make one."""
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - the error's own code decides what is raised
        return f"<{type(error).__name__}: its text cannot be made ({type(failure).__name__})>"


def describe_error(error: BaseException, length: int | None = None) -> str:
    """Return type and text of an error, without secrets; see `without_secrets`."""
    return without_secrets(f"{type(error).__name__}: {message_of(error)}".rstrip(": "), length)
