"""Import of profiles from a file or from contexts of the NATS CLI: first a plan, to be shown.

Nothing is stored by planning. A secret that was found is in the options of the planned profile; it
is stored only on request.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.nats_contexts import NatsContexts
from pulse_desktop.profiles.planned_import import PlannedImport
from pulse_desktop.profiles.profile import CONTEXT_PREFIX, Environment, Profile, check_name
from pulse_desktop.profiles.profile_file import ProfileFile, read_profiles
from pulse_desktop.profiles.profile_format import ProfileError, StoredProfiles
from pulse_desktop.text.translation import _

ALL_CONTEXTS: Final = ""
"""The source that is all contexts of the NATS CLI."""


@dataclass(frozen=True)
class ImportOptions:
    """What a person wants of an import.

    Attributes:
        name: of the profile instead of its own, empty for its own.
        environment: kind of system of the imported profiles, None for their own.
        replace: whether profiles of the same name are replaced.
    """

    name: str = ""
    environment: Environment | None = None
    replace: bool = False


def plan_import(
    source: str,
    stored: ProfileFile,
    options: ImportOptions = ImportOptions(),
) -> list[PlannedImport]:
    """Return what an import would do.

    Args:
        source: a file, `nats:NAME`, `nats:` for the selected context, or `ALL_CONTEXTS`.
        stored: the profiles that there are.
        options: what the person wants.

    Raises:
        UserFacingError: the source or the stored profiles cannot be read, or a name is given for
            several profiles.
    """
    found: list[tuple[str, Profile, tuple[str, ...]]] = []
    problems: list[tuple[str, str]] = []
    if source == ALL_CONTEXTS:
        contexts = NatsContexts().read()
        usable = contexts.by_name.values()
        found = [(each.profile.name, each.profile, each.ignored) for each in usable]
        problems = [(CONTEXT_PREFIX + name, reason) for name, reason in contexts.problems.items()]
    elif source.startswith(CONTEXT_PREFIX):
        context = NatsContexts().get(source.removeprefix(CONTEXT_PREFIX))
        found.append((context.profile.name, context.profile, context.ignored))
    else:
        profiles = read_profiles(Path(source))
        found = [(source, each, ()) for each in profiles.by_name.values()]
        problems = [(f"{source}: {name}", why) for name, why in profiles.problems.items()]
    if options.name and len(found) != 1:
        detail = _("one name was given, and there are {count} profiles.").format(count=len(found))
        raise UserFacingError(_("Nothing was imported"), detail)
    existing = stored.read()
    planned = [_planned(each, stored, existing, options) for each in found]
    return planned + [PlannedImport(source, None, "skip", reason) for source, reason in problems]


def rename_planned(planned: PlannedImport, name: str, stored: ProfileFile) -> PlannedImport:
    """Return what an import would do with a profile under another name, replacing one of it.

    Raises:
        UserFacingError: the stored profiles cannot be read.
    """
    if planned.profile is None:
        return planned
    found = (planned.source, planned.profile, planned.ignored)
    return _planned(found, stored, stored.read(), ImportOptions(name, replace=True))


def _planned(
    found: tuple[str, Profile, tuple[str, ...]],
    stored: ProfileFile,
    existing: StoredProfiles,
    options: ImportOptions,
) -> PlannedImport:
    source, profile, ignored = found
    name = options.name or profile.name.removeprefix(CONTEXT_PREFIX)
    profile = replace(profile, name=name, environment=options.environment or profile.environment)
    old = existing.by_name.get(name)
    if old is not None and source.startswith(CONTEXT_PREFIX):
        # A context says nothing of what the stored profile says beyond the connection.
        profile = replace(
            old,
            options=profile.options,
            secret=profile.secret,
            color=old.color or profile.color,
            environment=options.environment or old.environment,
        )
    reason = ""
    if name in existing.problems:
        reason = _("the profile of this name here is not valid: correct or remove it")
    elif old is not None and not options.replace:
        reason = _("there is a profile of this name")
    else:
        try:
            stored.check(profile, old=old.name if old is not None else None)
        except ProfileError as error:
            reason = error.detail.rstrip(".")
    if reason:
        needs_name = not _is_name(name)
        return PlannedImport(source, profile, "skip", reason, ignored, needs_name=needs_name)
    return PlannedImport(source, profile, "replace" if old is not None else "add", "", ignored, old)


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except ValueError:
        return False
    return True
