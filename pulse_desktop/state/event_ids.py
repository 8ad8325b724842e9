"""Ids of tasks in the payloads of events, which the index of older events holds."""

import re
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Final

from pulse_desktop.protocol.event import HEARTBEAT
from pulse_desktop.query.dictionary_columns import OTHER
from pulse_desktop.state.code_table import CodeTable

_MAX_ID: Final = 128
_PLAIN, _LABELLED = 1, 2  # kinds of events by where task ids are in them

_ID: Final = re.compile(rb'_id"\s*:\s*"([^"\\]{1,128})"')
"""Where events have the id of a task."""

_MORE_IDS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rb'rerun_of"\s*:\s*"([^"\\]{1,128})"',
        rb'"target"\s*:\s*"([^"\\]{1,128})"',
        rb'"detail"\s*:\s*"([^"\\]{1,128})"',
        rb'_id\\"\s*:\s*\\"([^"\\]{1,128})\\"',
    )
)
"""Where else labels and audit events have one. Labels of pipelines hold JSON as text."""
_ID_LISTS: Final = re.compile(rb'_ids"\s*:\s*\[([^\]]*)\]')
_TEXT: Final = re.compile(rb'"([^"\\]{1,128})"')

_WITHOUT_LABELS: Final = ("task.", "agent.", "message.", "knowledge.", "provider.", "metrics:")
"""Types of events that begin so have no labels, but for those enqueued."""
_WITH_LABELS: Final = "task.queued"


def id_hash(task_id: str) -> int | None:
    """Return the hash of an id for `may_mention`, None if ids like it are not in the index.

    It is the same in any letter case.
    """
    is_plain = task_id.isascii() and task_id.isprintable() and len(task_id) <= _MAX_ID
    if not is_plain or '"' in task_id or "\\" in task_id:
        return None
    return hash(task_id.encode().lower())


def id_hashes(ids: Iterable[bytes]) -> list[int]:
    """Return the different hashes of ids, sorted."""
    return sorted(set(map(hash, map(bytes.lower, ids))))


def task_ids(raws: Sequence[bytes], type_codes: bytes, types: CodeTable) -> set[bytes]:
    """Return all that may be the id of a task, heartbeats left out."""
    kinds = bytes(map(_kind_of, types.by_code)).ljust(OTHER + 1, bytes([_LABELLED]))
    of_events = type_codes.translate(kinds)
    found = set(_ID.findall(b"".join(compress(raws, of_events))))
    if _LABELLED in of_events:
        pairs = zip(raws, of_events, strict=True)
        joined = b"".join([raw for raw, kind in pairs if kind == _LABELLED])
        for pattern in _MORE_IDS:
            found.update(pattern.findall(joined))
        for each in _ID_LISTS.findall(joined):
            found.update(_TEXT.findall(each))
    return found


def _kind_of(type_: str) -> int:
    """Return how events of a type are searched for ids; 0 for not at all."""
    if type_ == HEARTBEAT:
        return 0
    has_labels = type_ == _WITH_LABELS or not type_.startswith(_WITHOUT_LABELS)
    return _LABELLED if has_labels else _PLAIN
