"""Checks of `doctor`: the stored profiles, and the keyring that holds their secrets."""

from typing import TYPE_CHECKING

from pulse_desktop.cli.profile_choice import profile_file
from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def check_profiles() -> "AsyncIterator[CheckResult]":
    """Yield what is found about the stored profiles; nothing without any."""
    from pulse_desktop.profiles.profile import SecretStorage

    try:
        profiles = profile_file().read()
    except UserFacingError as error:
        yield CheckResult("profiles", "problem", error.detail, error.advice)
        return
    if profiles.problems:
        text = _("{name} is not valid: {problem}")
        details = [text.format(name=name, problem=why) for name, why in profiles.problems.items()]
        advice = _("Correct it: `pulse-desktop profiles edit`.")
        yield CheckResult("profiles", "warning", "; ".join(details), advice)
    elif profiles.by_name:
        count = len(profiles.by_name)
        detail = ngettext("{count} profile", "{count} profiles", count).format(count=count)
        yield CheckResult("profiles", "ok", detail)
    stored = profiles.by_name.values()
    if any(each.secret and each.secret_storage is SecretStorage.KEYRING for each in stored):
        yield await _check_keyring()


async def _check_keyring() -> CheckResult:
    from pulse_desktop.system_keyring import KeyringError, backend_name

    try:
        return CheckResult("keyring", "ok", await backend_name())
    except KeyringError as error:
        return CheckResult("keyring", "warning", error.detail, error.advice)
