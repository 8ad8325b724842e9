"""Profiles by name: those of the file, the embedded server, and contexts of the NATS CLI."""

from pulse_desktop.profiles.nats_contexts import NatsContexts
from pulse_desktop.profiles.profile import (
    CONTEXT_PREFIX,
    EMBEDDED_NAME,
    Profile,
    embedded_profile,
)
from pulse_desktop.profiles.profile_file import ProfileFile


def find_profile(name: str, file: ProfileFile) -> Profile:
    """Return the profile of a name, without its secret.

    Args:
        name: of a stored profile, `local` for the embedded server, `nats:NAME` for a context of
            the NATS CLI, whose secret is in its options, or `nats:` for the selected one.
        file: the stored profiles.

    Raises:
        UserFacingError: there is none, or it is not valid.
    """
    if name == EMBEDDED_NAME:
        return embedded_profile()
    if name.startswith(CONTEXT_PREFIX):
        return NatsContexts().get(name.removeprefix(CONTEXT_PREFIX)).profile
    return file.get(name)
