"""The names of the arguments and labels of a run, for completion, columns and suggestions."""

from collections.abc import Iterable, Sequence

import msgspec

from pulse_desktop.state.run import TaskRun

_MAX_BYTES = 64 * 1024
_MAX_NAMES = 64
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def run_keys(field: str, run: TaskRun, parameters: Sequence[str]) -> Iterable[str]:
    """Return the names in a keyed field of a run: those of its labels, or of its arguments.

    Args:
        field: name of the field, such as `label` or `args`.
        run: the run.
        parameters: names of the positional arguments, as far as they are known.
    """
    return label_names(run) if field == "label" else argument_names(run, parameters)


def argument_names(run: TaskRun, parameters: Sequence[str]) -> Iterable[str]:
    """Return the names of a run's arguments.

    Args:
        run: the run.
        parameters: names of the positional arguments, as far as they are known.
    """
    request = run.request
    if request is None:
        return ()
    return [*parameters[: _length(request.args)], *_names(request.kwargs)]


def label_names(run: TaskRun) -> Iterable[str]:
    """Return the names of a run's labels."""
    return () if run.request is None else _names(run.request.labels)


def _names(raw: bytes) -> Sequence[str]:
    if raw in (b"", b"{}") or len(raw) > _MAX_BYTES:
        return ()
    try:
        return list(_keys(raw))[:_MAX_NAMES]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ()


def _length(raw: bytes) -> int:
    if raw in (b"", b"[]") or len(raw) > _MAX_BYTES:
        return 0
    try:
        return len(_items(raw))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return 0
