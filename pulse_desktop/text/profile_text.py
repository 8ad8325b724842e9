"""Text about connection profiles."""

from typing import Final

from pulse_desktop.model.connection_options import SECRETS_OF_A_USER
from pulse_desktop.profiles.planned_import import PlannedImport
from pulse_desktop.profiles.profile import (
    Color,
    Environment,
    Profile,
    SecretStorage,
    secret_noun,
)
from pulse_desktop.text.option_text import caption
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
_LOGINS: Final = {
    "token": N_("token"),
    "token_file": N_("token"),
    "credentials": N_("credentials"),
    "credentials_content": N_("credentials"),
    "nkey_seed": N_("nkey"),
    "nkey_file": N_("nkey"),
    "tls_cert": N_("client certificate"),
}


def environment_text(environment: Environment) -> str:
    """Return the kind of system as a word, such as "production"."""
    return translate(_ENVIRONMENTS[environment])


def named_with_environment(profile: Profile) -> str:
    """Return the name of a profile, such as "eu (production)"; empty without one."""
    if profile.name and profile.environment is not None:
        return f"{profile.name} ({environment_text(profile.environment)})"
    return profile.name


def secret_text(profile: Profile) -> str:
    """Return which secret a profile has, such as "Password of monitor"."""
    secret = secret_noun(profile.secret)
    text = f"{secret[:1].upper()}{secret[1:]}"
    if profile.secret in SECRETS_OF_A_USER and profile.options.user:
        text = _("{secret} of {user}").format(secret=text, user=profile.options.user)
    return text


def login_text(profile: Profile) -> str:
    """Return how a profile logs in, in a few words; empty when it does not."""
    options = profile.options
    if options.user:
        with_password = bool(profile.secret or options.password_file)
        text = _("user {user} with a password") if with_password else _("user {user}")
        return text.format(user=options.user)
    given = (field for field in _LOGINS if field == profile.secret or getattr(options, field))
    field = next(given, "")
    return translate(_LOGINS[field]) if field else ""


def color_text(color: Color) -> str:
    """Return the name of a color."""
    return translate(_COLORS[color])


def storage_text(storage: SecretStorage) -> str:
    """Return where a secret is kept, such as "in the keyring of this system"."""
    return translate(_STORAGES[storage])


def import_text(planned: PlannedImport) -> str:
    """Return what an import would do with a profile, such as "New"."""
    if planned.action == "skip":
        return _("Cannot be imported: {reason}.").format(reason=planned.reason)
    changed = ", ".join(map(caption, planned.changed_fields))
    if planned.action == "add":
        text = _("New.")
    elif changed:
        text = _("There is another of this name: would replace its {fields}.")
    else:
        text = _("The same as here.")
    text = text.format(fields=changed)
    if planned.ignored:
        ignored = ", ".join(planned.ignored)
        text = " ".join((text, _("No use here: {fields}.").format(fields=ignored)))
    return text
