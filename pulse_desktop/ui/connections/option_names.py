"""Options of the command line in a text, replaced by what the form calls them."""

from collections.abc import Mapping

from pulse_desktop.model.connection_options import label
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.profile_form import ProfileForm

_LINES = ("user", "js_domain", "js_api_prefix", "inbox_prefix")
_PATHS = ("tls_ca", "tls_cert", "tls_key")


def option_names(form: ProfileForm) -> dict[str, str]:
    """Return the names of the fields of a form, by the options that errors name."""
    names = {label("tls_first"): form.tls_first.text()}
    names |= {label(field): getattr(form, field).accessibleName() for field in _LINES}
    names |= {label(field): getattr(form, field).field.accessibleName() for field in _PATHS}
    for index in range(form.login.count()):
        if field := form.login.itemData(index):
            names[label(field)] = form.login.itemText(index)
    return {option: _("“{name}”").format(name=name) for option, name in names.items()}


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return a text with options replaced by the names of fields."""
    for option in sorted(names, key=len, reverse=True):
        text = text.replace(option, names[option])
    return text
