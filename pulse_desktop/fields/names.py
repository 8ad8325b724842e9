"""The names by which tasks and workers are found: whole, and as short as tables show them."""

from functools import lru_cache

from pulse_desktop.protocol.task_names import legacy_name, task_name_forms


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
    # An identity without a host has a short form too, which `short_names` does not make.
    without_process, colon, process = identity.rpartition(":")
    forms = (identity, without_process if colon and process.isdigit() else "", name)
    return tuple(dict.fromkeys(form for form in forms if form))
