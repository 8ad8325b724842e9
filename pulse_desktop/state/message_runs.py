"""Which runs concerned which chat message, as far as events say so.

A run that ingests messages has no ids in its arguments: only the events of its messages name it.
"""

import enum
from collections.abc import Iterable
from typing import Final

import msgspec

from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.protocol.topics import MESSAGE_TOPICS
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.ring_buffer import RingBuffer

MAX_MESSAGES: Final = 20_000
_MAX_RUNS: Final = 50
_MAX_ID: Final = 500


class Stage(enum.StrEnum):
    """What a run does with a message. The values are stable: scripts rely on them."""

    INGEST = "ingest"
    SCORE = "score"
    EMBED = "embed"
    EXTRACT = "extract"
    CORRECT = "correct"


STAGES: Final = (Stage.INGEST, Stage.SCORE, Stage.EMBED, Stage.EXTRACT)
"""The stages that a message goes through, in their order."""

STAGES_OF_TASKS: Final = {
    "ingest_messages": (Stage.INGEST,),
    "score_message_task": (Stage.SCORE,),
    "embed_messages_batch": (Stage.EMBED,),
    "extract_knowledge": (Stage.EXTRACT,),
    "process_messages": (Stage.SCORE, Stage.EMBED, Stage.EXTRACT),
    "correct_classification": (Stage.CORRECT,),
}
"""The stages that each task runs, by its canonical name."""

_STAGES_OF_EVENTS: Final = {
    "message.new": Stage.INGEST,
    "message.updated": Stage.INGEST,
    "message.scored": Stage.SCORE,
    "message_scored": Stage.SCORE,
    "message.corrected": Stage.CORRECT,
    "knowledge.atom_created": Stage.EXTRACT,
    "atom_created": Stage.EXTRACT,
}


class _MessageEvent(msgspec.Struct, gc=False):
    """The ids in the data of an event about a message."""

    task_id: object = None
    id: object = None
    message_id: object = None
    external_message_id: object = None


_decode_event: Final = msgspec.json.Decoder(_MessageEvent).decode

RunOfMessage = tuple[Stage, str]
"""A stage, and the id of the run that did it."""


class MessageRuns(Collection[str]):
    """The runs of each message, by its ids. It has no rows."""

    name = "message_runs"
    topics = MESSAGE_TOPICS | {"knowledge"}

    def __init__(self, capacity: int = MAX_MESSAGES) -> None:
        """Create an empty index.

        Args:
            capacity: maximum number of messages; each may have two ids.
        """
        self.rows = RingBuffer(1)
        self._capacity = 2 * capacity
        self._runs: dict[str, tuple[RunOfMessage, ...]] = {}

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold an event about a message that a run has published."""
        stage = _STAGES_OF_EVENTS.get(event.type)
        if stage is None:
            return
        # Most events of some systems name no run; they are not decoded for this.
        raw = event.raw
        if b'task_id"' not in raw and b"\\u" not in raw:
            return
        data = _read(event, body)
        task_id = to_text(data.task_id)
        if not task_id or len(task_id) > _MAX_ID:
            return
        internal = data.id if stage is Stage.INGEST else data.message_id
        for key in (to_text(internal), to_text(data.external_message_id)):
            if key not in ("", "0") and len(key) <= _MAX_ID:
                self._add_run(key, (stage, task_id), older=older)

    def of(self, *ids: str) -> list[RunOfMessage]:
        """Return the runs of a message with any of these ids, each once."""
        found = (run for each in ids if each for run in self._runs.get(each, ()))
        return list(dict.fromkeys(found))

    def messages_of(self, task_id: str, limit: int = 500) -> list[str]:
        """Return the ids of messages that a run concerned, the ones known last first.

        A message with two ids is found twice. Looks at all messages.
        """
        found: list[str] = []
        for key in reversed(self._runs):
            if any(run == task_id for _stage, run in self._runs[key]):
                found.append(key)
                if len(found) >= limit:
                    break
        return found

    def _add_run(self, key: str, run: RunOfMessage, *, older: bool) -> None:
        runs = self._runs.get(key)
        if runs is None:
            if older and len(self._runs) >= self._capacity:
                return
            if len(self._runs) >= self._capacity:
                del self._runs[next(iter(self._runs))]
            self._runs[key] = (run,)
        elif run not in runs and len(runs) < _MAX_RUNS:
            self._runs[key] = tuple(sorted((*runs, run)))


def _read(event: Event, body: msgspec.Raw | None) -> _MessageEvent:
    """Decode the ids of an event: at once if it has the documented form."""
    if body is not None:
        try:
            return _decode_event(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = decoded_fields(event, body)
    return _MessageEvent(
        data.get("task_id"), data.get("id"), data.get("message_id"), data.get("external_message_id")
    )


def stages_of(task_name: str) -> Iterable[Stage]:
    """Return the stages that a task runs, none for a task that is not about messages."""
    return STAGES_OF_TASKS.get(task_name, ())
