"""Text about connection profiles."""

from typing import Final

from pulse_desktop.profiles.planned_import import PlannedImport
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


def may_import(planned: PlannedImport) -> bool:
    """Return whether a person may choose to import this."""
    return planned.action == "add" or (planned.action == "replace" and planned.old is not None)


def import_text(planned: PlannedImport) -> str:
    """Return what an import would do with a profile, such as "New"."""
    if planned.action == "skip":
        return _("Cannot be imported: {reason}.").format(reason=planned.reason)
    changed = ", ".join(planned.changed_fields)
    if planned.action == "add":
        text = _("New.")
    elif planned.old is None:
        text = _("Cannot be imported: the connection of this name here is not valid.")
    elif changed:
        text = _("There is another of this name: would replace its {fields}.")
    else:
        text = _("The same as here.")
    text = text.format(fields=changed)
    if planned.ignored:
        ignored = ", ".join(planned.ignored)
        text = " ".join((text, _("No use here: {fields}.").format(fields=ignored)))
    return text
