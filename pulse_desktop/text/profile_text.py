"""Text about connection profiles."""

from typing import Final

from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.text.translation import N_, _, translate

_ENVIRONMENTS: Final = {
    Environment.LOCAL: N_("local"),
    Environment.DEVELOPMENT: N_("development"),
    Environment.STAGING: N_("staging"),
    Environment.PRODUCTION: N_("production"),
}

_SECRETS: Final = {
    "password": N_("Password of {user}"),
    "token": N_("Token"),
    "nkey_seed": N_("Seed of the nkey"),
    "credentials_content": N_("Content of the .creds file"),
}


def environment_text(environment: Environment) -> str:
    """Return the kind of system as a word, such as "production"."""
    return translate(_ENVIRONMENTS[environment])


def secret_text(profile: Profile) -> str:
    """Return which secret a profile has, such as "Password of monitor"."""
    text = translate(_SECRETS.get(profile.secret, N_("Secret")))
    return text.format(user=profile.options.user or _("the user"))
