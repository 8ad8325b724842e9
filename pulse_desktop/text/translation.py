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
