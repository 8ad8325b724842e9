"""Translate operator text with gettext.

Every text that an operator reads is a whole sentence or label passed to `_` or `ngettext`, with
named placeholders: `_("{name} was deleted").format(name=name)`. The language is taken from the
environment (LANGUAGE, LC_ALL, LC_MESSAGES, LANG) when the program starts; without a catalog for it
the English text is shown.
"""

import gettext
from typing import Final

from pulse_desktop.resources import resource_path

DOMAIN: Final = "pulse_desktop"


class _Catalog:
    """The catalog in use; English without one."""

    def __init__(self) -> None:
        self.current = gettext.translation(DOMAIN, resource_path("locale"), fallback=True)


catalog: Final = _Catalog()


def _(message: str) -> str:
    """Translate a text."""
    return catalog.current.gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """Translate a text that depends on a number."""
    return catalog.current.ngettext(singular, plural, count)


def pgettext(context: str, message: str) -> str:
    """Translate a text that has another meaning in other contexts."""
    return catalog.current.pgettext(context, message)


def use_english() -> None:
    """Translate no text from now on: machine-readable output is always in English."""
    catalog.current = gettext.NullTranslations()


def N_(message: str) -> str:  # noqa: N802 - the name that message extractors know
    """Mark a text for translation where it is defined; `translate` translates it when shown."""
    return message


def translate(message: str) -> str:
    """Translate a text marked with `N_`."""
    return _(message)


language: Final[str] = catalog.current.info().get("language", "")
"""Language of the catalog, such as "de"; empty for English."""
