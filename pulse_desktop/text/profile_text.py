"""Text about connection profiles."""

from typing import Final

from pulse_desktop.profiles.profile import Environment
from pulse_desktop.text.translation import N_, translate

_ENVIRONMENTS: Final = {
    Environment.LOCAL: N_("local"),
    Environment.DEVELOPMENT: N_("development"),
    Environment.STAGING: N_("staging"),
    Environment.PRODUCTION: N_("production"),
}


def environment_text(environment: Environment) -> str:
    """Return the kind of system as a word, such as "production"."""
    return translate(_ENVIRONMENTS[environment])
