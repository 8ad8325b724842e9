"""The names by which tasks and workers are found: whole, and as short as tables show them."""

from functools import lru_cache

from pulse_desktop.protocol.task_names import legacy_name, task_name_forms
from pulse_desktop.state.short_names import without_process


@lru_cache(maxsize=4096)
def task_values(name: str) -> tuple[str, ...]:
    """Return the names by which a task is found: canonical, short forms, and legacy name."""
    if not name:
        return ()
    legacy = legacy_name(name)
    names = (name, *task_name_forms(name), *((legacy,) if legacy != name else ()))
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=4096)
def worker_values(identity: str) -> tuple[str, ...]:
    """Return the names by which a worker is found: `w-1@host:7`, `w-1@host` and `w-1`."""
    if not identity:
        return ()
    name, _at, _host = identity.partition("@")
    return tuple(
        dict.fromkeys(each for each in (identity, without_process(identity), name) if each)
    )
