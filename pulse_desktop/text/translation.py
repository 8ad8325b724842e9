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
_catalog = gettext.translation(DOMAIN, resource_path("locale"), fallback=True)

_ = _catalog.gettext
ngettext = _catalog.ngettext
pgettext = _catalog.pgettext


def N_(message: str) -> str:  # noqa: N802 - the name that message extractors know
    """Mark a text for translation where it is defined; `translate` translates it when shown."""
    return message


def translate(message: str) -> str:
    """Translate a text marked with `N_`."""
    return _(message)


language: Final[str] = _catalog.info().get("language", "")
"""Language of the catalog, such as "de"; empty for English."""
