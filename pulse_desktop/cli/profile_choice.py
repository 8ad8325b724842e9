"""The profile that a command connects with: from its options, the environment, or neither."""

import os
from argparse import Namespace
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.output import write_note
from pulse_desktop.cli.parser import NAME_OPTIONS
from pulse_desktop.cli.terminal import ask, can_ask
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.profiles.profile import Profile
    from pulse_desktop.profiles.profile_file import ProfileFile
    from pulse_desktop.profiles.secret_storage import ProfileSecrets
    from pulse_desktop.protocol.taskiq_names import TaskiqNames

PROFILE_VARIABLE: Final = "PULSE_PROFILE"


class NoServerError(CannotConnectError):
    """The embedded stack is to be used and does not run."""

    def __init__(self, state_problem: str = "", profile: str = "") -> None:
        """Describe the error.

        Args:
            state_problem: why it is unknown whether an embedded stack is running.
            profile: name by which it was asked for; empty if no server was given.
        """
        if profile and state_problem:
            detail = _(
                "the profile {profile} is that of the embedded stack, whose state cannot be read: "
                "{reason}."
            )
        elif profile:
            detail = _("the profile {profile} is that of the embedded stack, which is not running.")
        elif state_problem:
            detail = _(
                "no --server or --profile was given, neither PULSE_SERVER nor PULSE_PROFILE is "
                "set, and the state of the embedded stack cannot be read: {reason}."
            )
        else:
            detail = _(
                "no --server or --profile was given, neither PULSE_SERVER nor PULSE_PROFILE is "
                "set, and no embedded stack is running."
            )
        super().__init__(
            _("No server to connect to"),
            detail.format(profile=profile, reason=state_problem),
            _(
                "Give --server nats://HOST:4222, or start the embedded stack with "
                "`pulse-desktop` or `pulse-desktop local`."
            ),
        )


def requested_profile(arguments: Namespace) -> "Profile":
    """Return the profile of the command line or the environment, without its secret.

    Without a server and a profile it is that of the embedded server. Variables without a server are
    for other programs: the embedded server has a login of its own.

    Raises:
        UserFacingError: there is no such profile, the options contradict each other, or options of
            a connection were given without a server.
    """
    from dataclasses import replace

    from pulse_desktop.model.connection_options import label, option_values, resolve
    from pulse_desktop.profiles.profile import Profile, embedded_profile
    from pulse_desktop.profiles.profile_lookup import find_profile

    given = option_values(vars(arguments))
    name = getattr(arguments, "profile", None) or ""  # the variable gives way to --server
    if name and "servers" in given:
        raise _two_servers("--profile", "--server")
    if not name and "servers" not in given:
        name = os.environ.get(PROFILE_VARIABLE, "").strip()
        if name and os.environ.get("PULSE_SERVER", "").strip():
            raise _two_servers(PROFILE_VARIABLE, "PULSE_SERVER")
    if name:
        return _with_options(find_profile(name, profile_file()), arguments, given)
    options = resolve(given, os.environ)
    if options.servers:
        return Profile(options=options, names=_requested_names(arguments))
    if given:
        names = ", ".join(label(each) for each in given)
        raise CannotConnectError(
            _("No server to connect to"),
            _("{options}: given without a server.").format(options=names),
            _("Add --server nats://HOST:4222, or set PULSE_SERVER."),
        )
    return replace(embedded_profile(), names=_requested_names(arguments))


def names_server(arguments: Namespace) -> bool:
    """Return whether the command line or the environment says what to connect with.

    Raises:
        UserFacingError: see `requested_profile`.
    """
    from pulse_desktop.profiles.profile import embedded_profile

    return bool(_profile_name(arguments)) or requested_profile(arguments) != embedded_profile()


def _profile_name(arguments: Namespace) -> str:
    """Return the profile of the command line or the environment, empty for none."""
    name: str = getattr(arguments, "profile", None) or os.environ.get(PROFILE_VARIABLE, "").strip()
    return name


def chosen_profile(arguments: Namespace) -> "Profile":
    """Return the profile to connect with, without its secret.

    That of the embedded server needs a stack that is running. A file with a secret that other users
    can read is noted on stderr.

    Raises:
        NoServerError: none was requested and no embedded stack is running.
        UserFacingError: see `requested_profile`.
    """
    from pulse_desktop.embedded.data_folder import data_folder
    from pulse_desktop.embedded.stack import running_stack
    from pulse_desktop.embedded.stack_state import state_problem
    from pulse_desktop.nats_client.client_arguments import readable_by_others
    from pulse_desktop.profiles.profile import recognized

    profile = requested_profile(arguments)
    stack = running_stack()
    if stack is not None:
        profile = recognized(profile, stack.server, stack.monitor)
    elif profile.is_embedded:
        raise NoServerError(state_problem(data_folder().state_file), _profile_name(arguments))
    for warning in readable_by_others(profile.options):
        write_note(warning)
    return profile


def profile_file() -> "ProfileFile":
    """Return the file of the user's profiles."""
    from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
    from pulse_desktop.settings_folder import settings_folder

    return ProfileFile(settings_folder() / FILE_NAME)


def profile_secrets() -> "ProfileSecrets":
    """Return the secrets of the user's profiles; one that is not known is asked for here."""
    from pulse_desktop.profiles.secret_storage import ProfileSecrets
    from pulse_desktop.settings_folder import settings_folder

    return ProfileSecrets(settings_folder(), ask_in_terminal, os.environ)


async def ask_in_terminal(profile: "Profile", problem: str) -> str:
    """Return the secret of a profile, as typed.

    Args:
        profile: whose secret is needed.
        problem: why the stored one cannot be read, which is noted; empty when none is stored.

    Raises:
        NoSecretError: there is no terminal to type in, or the secret has several lines.
    """
    from pulse_desktop.model.connection_options import MULTILINE_SECRETS
    from pulse_desktop.profiles.secret_storage import NoSecretError, secret_variable

    variable = secret_variable(profile)
    if profile.secret in MULTILINE_SECRETS:
        advice = _("It has several lines: set {variable}, or give --credentials FILE.")
        raise NoSecretError(profile, advice.format(variable=variable), problem)
    if not can_ask():
        raise NoSecretError(profile, _("Set {variable}.").format(variable=variable), problem)
    if problem:
        write_note(problem)
    return await ask(secret_prompt(profile), hidden=True)


def secret_prompt(profile: "Profile") -> str:
    """Return the question for the secret of a profile, such as "password of shop:"."""
    from pulse_desktop.profiles.profile import secret_noun

    text = _("{secret} of {profile}:")
    return text.format(secret=secret_noun(profile.secret), profile=profile.name)


def _with_options(
    profile: "Profile", arguments: Namespace, given: "dict[str, object]"
) -> "Profile":
    """Return a profile in which the options of the command line override its own.

    The embedded server and a context of the NATS CLI have no names of a TaskIQ system: those of
    the environment apply.
    """
    from dataclasses import replace

    from pulse_desktop.model.connection_options import overridden

    options, secret = overridden(profile.options, profile.secret, given)
    names = {field: value for field in NAME_OPTIONS if (value := getattr(arguments, field, None))}
    if profile.is_context or profile.is_embedded:
        chosen = _requested_names(arguments)
    else:
        chosen = replace(profile.names, **names)
    return replace(profile, options=options, names=chosen, secret=secret)


def _requested_names(arguments: Namespace) -> "TaskiqNames":
    """Return the subject, consumer and bucket of the options or the environment."""
    from pulse_desktop.protocol.taskiq_names import TaskiqNames

    chosen = {
        field: getattr(arguments, field, None) or os.environ.get(variable, "")
        for field, (variable, _help) in NAME_OPTIONS.items()
    }
    return TaskiqNames(**{field: name for field, name in chosen.items() if name})


def _two_servers(first: str, second: str) -> CannotConnectError:
    return CannotConnectError(
        _("Two servers to connect to"),
        _("{first} and {second} were both given.").format(first=first, second=second),
        _("Give only one of them."),
    )
