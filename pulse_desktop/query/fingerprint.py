"""The fingerprint of a failure: failures with the same fingerprint have the same cause.

Version 1. With a traceback: the types of the chain of exceptions, and the deepest frames of the
task's own code as `module:function`. Line numbers are left out, so that a deployment makes no new
groups. Without one: the task, the type, and the message with placeholders for what differs from run
to run. A soft failure: the task, and the code or the message that it returned.

The meaning of a version never changes: marks and saved queries refer to ids. Another way of
grouping gets another version and other ids.
"""

import enum
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Final, NamedTuple, Protocol

from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.message_pattern import message_pattern
from pulse_desktop.query.traceback_text import Frame, RaisedException, read_traceback

FINGERPRINT_VERSION: Final = 1
MAX_FRAMES: Final = 5
FAILURE_STATES: Final = frozenset({RunState.FAILED, RunState.SOFT_FAILED})
"""States of the runs that have a fingerprint. An overdue run has not failed yet."""

_MAX_TYPES: Final = 8
_MAX_NAME: Final = 200
_ID_BYTES: Final = 6
_ID: Final = re.compile(rf"[0-9a-f]{{{2 * _ID_BYTES}}}")
_ID_PREFIX: Final = re.compile(rf"[0-9a-f]{{4,{2 * _ID_BYTES}}}")
_CACHED_TEXT: Final = 16_384
"""Longer tracebacks are not kept for the next failure that has the same."""
_RECURSION: Final = 3
"""Python shows a repeated frame three times before it leaves the rest out."""

_LIBRARY: Final = re.compile(
    r"/(?:site|dist)-packages/|/lib(?:64)?/(?:python|pypy)\d[^/]*/|/python[\d.]*/lib/"
    r"|^<frozen |\.egg/",
    re.IGNORECASE,
)
_INSTALLED: Final = re.compile(r"/(?:site|dist)-packages/([^/]+)", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_ROOTS: Final = frozenset(
    {"src", "lib", "app", "code", "work", "workspace", "current", "site-packages", "dist-packages"}
)
"""Folders that say where code is deployed, and not which code it is."""
_INLINED: Final = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
"""Frames that only Python before 3.12 has."""
_GENERIC_TYPES: Final = frozenset(
    {"Exception", "BaseException", "RuntimeError", "Error", "OSError"}
)
"""Types that say nothing of the cause."""
_GENERIC_FUNCTIONS: Final = frozenset(
    {
        "raise_for_status", "raise_error", "raise_exception", "raise_from", "_raise", "fail",
        "check", "_check", "ensure", "require", "validate", "wrapper", "inner", "wrapped",
        "_wrapper", "decorator", "handle", "handle_error", "on_error", "__call__", "__exit__",
        "__aexit__", "_request", "request", "call", "_call", "execute", "_execute", "result",
    }
)  # fmt: skip
"""Functions that raise the errors of others."""
_CODE: Final = re.compile(r"([A-Za-z][\w.-]{1,79}):\s")
_NO_CODES: Final = frozenset({"error", "failed", "failure", "exception", "warning"})
_PREFIX: Final = re.compile(
    r"\s*(?:❌\s*)?(?:\d{1,12}(?: of \d{1,12})? failed\s*:\s*)?"
    r"(?:(?:error|failed|failure)\s*:\s*)?",
    re.IGNORECASE,
)
"""What the texts of many causes begin with."""


class GroupedBy(enum.StrEnum):
    """What the members of a group have in common. The values are those of the command line."""

    FRAMES = "frames"
    FRAMES_AND_MESSAGE = "frames_and_message"
    MESSAGE = "message"
    CODE = "code"
    NOTHING = "nothing"
    """of "other": there were too many groups to keep each"""


class ExceptionLike(Protocol):
    """An exception, as far as it is known."""

    @property
    def type(self) -> str:
        """Class name."""

    @property
    def message(self) -> str:
        """Its text."""

    @property
    def traceback(self) -> str:
        """Text of the traceback, empty if the worker sent none."""


class FailedRun(Protocol):
    """Attributes of a run that a fingerprint needs; `pulse_desktop.state.run.TaskRun` has them."""

    @property
    def state(self) -> RunState:
        """The run's state."""

    @property
    def name(self) -> str:
        """The task's name, empty if unknown."""

    @property
    def error(self) -> ExceptionLike | None:
        """Why it failed, None if unknown."""

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""


class Fingerprint(NamedTuple):
    """What the failures of one group have in common.

    Attributes:
        id: short hash of all the rest but `task_name` where frames tell more.
        grouped_by: which of the following make the group.
        soft: whether these are soft failures.
        types: types of the exceptions, the first cause first; empty for a soft failure.
        frames: deepest frames as `module:function`, the one that raised last.
        task_name: the task; empty if it is not part of the fingerprint.
        message: message with placeholders, or the code; empty if not part of it.
        version: of the way of grouping.
    """

    id: str
    grouped_by: GroupedBy
    soft: bool
    types: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    task_name: str = ""
    message: str = ""
    version: int = FINGERPRINT_VERSION


OTHER: Final = Fingerprint("other", GroupedBy.NOTHING, soft=False)
"""Stands for all groups that are no longer kept apart."""


def is_group_id(text: str) -> bool:
    """Return whether a text is the id of a fingerprint. `OTHER` has no such id, and no marks."""
    return _ID.fullmatch(text) is not None


def is_group_id_prefix(text: str) -> bool:
    """Return whether a text can name a group that is looked up: some of an id, or `OTHER`."""
    return text == OTHER.id or _ID_PREFIX.fullmatch(text) is not None


def fingerprint(run: FailedRun) -> Fingerprint:
    """Return the fingerprint of a failed or soft-failed run."""
    if run.state is RunState.SOFT_FAILED:
        return _of_soft_failure(run.name, run.reason)
    error = run.error
    if error is None:
        return _of_message(run.name, "", run.reason)
    if len(error.traceback) + len(error.message) > _CACHED_TEXT:
        return _of_error(run.name, error.type, error.message, error.traceback)
    return _cached(run.name, error.type, error.message, error.traceback)


def _of_error(task_name: str, type_: str, message: str, traceback: str) -> Fingerprint:
    raised = read_traceback(traceback) if traceback else ()
    if not any(each.frames for each in raised):
        return _of_message(task_name, type_, message)
    types = _types(raised, type_)
    package = top_package(task_name)
    deepest, frames = _frames(raised, package)
    if types[-1] in _GENERIC_TYPES or deepest.function in _GENERIC_FUNCTIONS:
        return _build(GroupedBy.FRAMES_AND_MESSAGE, types, frames, message=message_pattern(message))
    return _build(GroupedBy.FRAMES, types, frames)


_cached = lru_cache(maxsize=512)(_of_error)


def _of_message(task_name: str, type_: str, message: str) -> Fingerprint:
    types = (type_.rpartition(".")[2],) if type_ else ()
    return _build(GroupedBy.MESSAGE, types, task_name=task_name, message=message_pattern(message))


@lru_cache(maxsize=512)
def _of_soft_failure(task_name: str, reason: str) -> Fingerprint:
    found = _PREFIX.match(reason)
    text = (reason[found.end() :] if found is not None else "") or reason
    code = _CODE.match(text)
    if code is not None and code[1].casefold() not in _NO_CODES:
        return _build(GroupedBy.CODE, task_name=task_name, message=code[1], soft=True)
    pattern = message_pattern(text)
    return _build(GroupedBy.MESSAGE, task_name=task_name, message=pattern, soft=True)


def _build(
    grouped_by: GroupedBy,
    types: tuple[str, ...] = (),
    frames: tuple[str, ...] = (),
    *,
    task_name: str = "",
    message: str = "",
    soft: bool = False,
) -> Fingerprint:
    parts = (
        str(FINGERPRINT_VERSION), grouped_by, "soft" if soft else "failed",
        *types, "\x1e", *frames, "\x1e", task_name, message,
    )  # fmt: skip
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    id_ = hashlib.blake2b(text, digest_size=_ID_BYTES).hexdigest()
    return Fingerprint(id_, grouped_by, soft, types, frames, task_name, message)


# Exceptions


def _types(raised: Sequence[RaisedException], type_: str) -> tuple[str, ...]:
    """Return the types of a chain in order; those of a group's members sorted, each once."""
    chain: list[str] = []
    for each in raised:
        if each.depth == 0 and each.name and chain[-1:] != [each.name]:
            chain.append(each.name[:_MAX_NAME])
    outermost = min((each.depth for each in raised), default=0)
    if outermost or not chain:
        chain += [each.name for each in raised if each.depth == outermost and each.name]
    members = sorted({each.name for each in raised if each.depth > max(outermost, 1)})
    last = chain[-1:] or [type_.rpartition(".")[2]]
    return tuple(chain[-_MAX_TYPES:-1]) + tuple(members[:_MAX_TYPES]) + tuple(last)


def _frames(raised: Sequence[RaisedException], package: str) -> tuple[Frame, tuple[str, ...]]:
    """Return the frame that raised, and the labels of those that make the fingerprint."""
    members = [each for each in _ends_of_chains(raised) if each.frames and each.depth]
    if len(members) > 1:
        # Which member of an exception group is first is chance.
        deepest = max(each.depth for each in members)
        found = min((_labels(each, package), each) for each in members if each.depth == deepest)
        return found[1].frames[-1], found[0]
    last = next(each for each in reversed(raised) if each.frames)
    return last.frames[-1], _labels(last, package)


def _ends_of_chains(raised: Sequence[RaisedException]) -> Iterator[RaisedException]:
    """Yield the exceptions that are not merely the cause or context of the next one."""
    for each, following in zip_longest(raised, raised[1:]):
        if following is None or not following.relation or following.depth != each.depth:
            yield each


def _labels(raised: RaisedException, package: str) -> tuple[str, ...]:
    frames = [each for each in raised.frames if each.function not in _INLINED] or raised.frames
    own = [each for each in frames if is_own_code(each.path, package)] or frames
    labels = [frame_label(each) for each in own]
    if raised.name == "RecursionError":
        # Which function of a cycle reached the limit is chance.
        cycle = sorted(each for each, count in Counter(labels).items() if count >= _RECURSION)
        if cycle:
            return tuple(cycle[:MAX_FRAMES])
    distinct: dict[str, None] = {}
    for label in reversed(labels):
        distinct.setdefault(label)
        if len(distinct) == MAX_FRAMES:
            break
    return tuple(reversed(distinct))


# Frames


def top_package(task_name: str) -> str:
    """Return the top package of a task's module, empty if its name has none."""
    module = task_name.partition(":")[0]
    return module.partition(".")[0] if ":" in task_name else ""


def is_own_code(path: str, package: str) -> bool:
    """Return whether a source file is neither of an installed package nor of Python itself.

    Args:
        path: of the source file.
        package: top package of the task, which is its own code even where it is installed.
    """
    path = path.replace("\\", "/")
    if _LIBRARY.search(path) is None:
        return True
    installed = _INSTALLED.search(path)
    return bool(package) and installed is not None and installed[1].removesuffix(".py") == package


def frame_label(frame: Frame) -> str:
    """Return a frame as `module:function`, the same wherever the code is deployed."""
    return f"{module_of(frame.path)}:{frame.function}"[:_MAX_NAME]


def module_of(path: str) -> str:
    """Return the module of a source file with the package around it, such as `tasks.knowledge`."""
    if path.startswith("<"):
        return path
    parts = path.replace("\\", "/").rsplit("/", 3)[-3:]
    stem = parts.pop().removesuffix(".py")
    if stem == "__init__" and parts:
        stem = parts.pop()
    parent = parts[-1] if parts else ""
    # A folder that is no package is part of where the code is, such as a release with its number.
    if parent in _ROOTS or not _IDENTIFIER.fullmatch(parent):
        return stem
    return f"{parent}.{stem}"
