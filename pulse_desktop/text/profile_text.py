"""Text about connection profiles."""

from typing import Final

from pulse_desktop.profiles.profile import Color, Environment, Profile, SecretStorage
from pulse_desktop.text.translation import N_, _, translate

_ENVIRONMENTS: Final = {
    Environment.LOCAL: N_("local"),
    Environment.DEVELOPMENT: N_("development"),
    Environment.STAGING: N_("staging"),
    Environment.PRODUCTION: N_("production"),
}

_COLORS: Final = {
    Color.RED: N_("red"),
    Color.ORANGE: N_("orange"),
    Color.YELLOW: N_("yellow"),
    Color.GREEN: N_("green"),
    Color.TEAL: N_("teal"),
    Color.BLUE: N_("blue"),
    Color.PURPLE: N_("purple"),
    Color.GRAY: N_("gray"),
}
_STORAGES: Final = {
    SecretStorage.KEYRING: N_("in the keyring of this system"),
    SecretStorage.ASK: N_("nowhere: ask each time"),
    SecretStorage.FILE: N_("in a private file on this machine"),
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


def color_text(color: Color) -> str:
    """Return the name of a color."""
    return translate(_COLORS[color])


def storage_text(storage: SecretStorage) -> str:
    """Return where a secret is kept, such as "in the keyring of this system"."""
    return translate(_STORAGES[storage])
