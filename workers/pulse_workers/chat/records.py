"""Stored records: messages, scores, atoms and topics. They are stored as JSON objects."""

import enum
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""A unit vector, or a matrix with one per row."""

MessageClass = Literal["noise", "weak_signal", "signal"]
NOISE: Final = "noise"
NOT_JUDGED: Final = "not_judged"
"""Instead of a class, for a message that was not judged."""


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """A file attached to a message.

    Attributes:
        path: relative to the export's folder; empty if the export does not contain the file.
        name: file name for display.
        mime_type: MIME type according to the export, may be empty.
        size: size in bytes, 0 if unknown.
    """

    path: str
    name: str = ""
    mime_type: str = ""
    size: int = 0


class ChatMessage(msgspec.Struct, frozen=True):
    """One chat message.

    Attributes:
        id: `<chat>.<number>`, unique among all chats; also its key in the bucket.
        external_message_id: ID in the source; for an export the same as `id`.
        content: plain text, with entities flattened.
        author: display name, empty if the export has none (deleted account).
        author_id: ID of the author in the source.
        sent_at: time of sending, ISO 8601 in UTC; never the time of ingestion.
        source_name: name of the chat.
        source: folder of the export, which contains the attachments; `sample` for the bundled one.
        edited_at: time of the last edit, ISO 8601, or None.
        reply_to: ID of the message this one replies to, or None.
        forwarded_from: name of the original author, or empty.
        links: URLs in the text.
        mentions: user names in the text.
        has_code: whether the text contains code.
        attachments: attached files.
        media_type: media type according to the export (`voice_message`), `photo`, or empty.
        thread: name of the forum topic that it was written in, or empty.
        recent: IDs of the messages before it in the chat, newest first.
        ingested_by: ID of the task that stored it.
        content_hash: hash of what scores, vectors and knowledge depend on; set by the store.
        updated_by: ID of the task that stored its content in place of another one, or empty.
        superseded: content hashes of earlier messages with its ID in the same export; set by the
            store.
    """

    id: str
    external_message_id: str
    content: str
    author: str
    author_id: str
    sent_at: str
    source_name: str
    source: str = ""
    edited_at: str | None = None
    reply_to: str | None = None
    forwarded_from: str = ""
    links: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    has_code: bool = False
    attachments: tuple[Attachment, ...] = ()
    media_type: str = ""
    thread: str = ""
    recent: tuple[str, ...] = ()
    ingested_by: str = ""
    content_hash: str = ""
    updated_by: str = ""
    superseded: tuple[str, ...] = ()


class Score(msgspec.Struct, frozen=True):
    """The importance score of a message.

    Attributes:
        message_id: ID of the message.
        importance_score: 0 to 1; None if the message was not judged.
        classification: noise, weak_signal, signal, or not_judged.
        factors: value of each factor, 0 to 1.
        weights: weight of each factor; they sum to 1.
        scored_at: time of scoring, ISO 8601.
        model: model that scored it.
        attachment_chars: number of characters read from attachments.
        reason: why, in a few words; may be empty unless the message was not judged.
        topic: what the message is about, in a few words; may be empty.
        provider: name of the provider that answered.
        prompt_version: version of the prompt, empty without one.
        fallback_from: `provider/model` that should have answered, empty if it did.
        fallback_reason: why it did not.
    """

    message_id: str
    importance_score: float | None
    classification: str
    factors: dict[str, float]
    weights: dict[str, float]
    scored_at: str = ""
    model: str = ""
    attachment_chars: int = 0
    reason: str = ""
    topic: str = ""
    provider: str = ""
    prompt_version: str = ""
    fallback_from: str = ""
    fallback_reason: str = ""


class Stage(enum.Enum):
    """A stage of the pipeline, after a message is stored."""

    SCORED = "scored"
    EMBEDDED = "embedded"
    EXTRACTED = "extracted"


class StageOutcome(enum.Enum):
    """How a stage ended.

    A refusal is final for this content, model and prompt; a failure is repeated by the next run.
    An outcome that only a newer version knows is `UNKNOWN`: its record stays as it is.
    """

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "StageOutcome | None":
        return cls.UNKNOWN if isinstance(value, str) else None


class StageRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last run of a stage for a message.

    Attributes:
        content_hash: of the message.
        model: configured model.
        outcome: how it ended.
        at: time, ISO 8601.
        prompt_version: version of the prompt, empty without one.
        reason: why it was refused or failed.
        block: key of the block that holds the vector, for the stage `embedded`.
        fallback_from: `provider/model` that should have answered, empty if it did.
        fallback_reason: why it did not.
        is_provisional: whether the stage is repeated when that provider answers again.
    """

    content_hash: str
    model: str
    outcome: StageOutcome
    at: str
    prompt_version: str = ""
    reason: str = ""
    block: str = ""
    fallback_from: str = ""
    fallback_reason: str = ""
    is_provisional: bool = False


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """The sentence and the cue phrase in which an atom was found."""

    message_id: str
    sentence: str
    cue: str


class Atom(msgspec.Struct, frozen=True):
    """One piece of knowledge.

    Attributes:
        id: hash of type and sentence, so that extracting it again yields the same atom.
        type: one of `AtomType`.
        title: the sentence, shortened.
        evidence: sentences in which it was found.
        confidence: 0 to 1, how strongly the wording suggests the type.
        language: its code, such as `en`.
        topic_id: ID of its topic, or empty.
        found_at: time of extraction, ISO 8601.
        model: model that extracted it.
        fallback_from: `provider/model` that should have extracted it, empty if it did.
        fallback_reason: why it did not.
    """

    id: str
    type: str
    title: str
    evidence: tuple[Evidence, ...]
    confidence: float
    language: str
    topic_id: str = ""
    found_at: str = ""
    model: str = ""
    fallback_from: str = ""
    fallback_reason: str = ""


class Topic(
    msgspec.Struct,
    frozen=True,
    rename={"centroid": "centre", "messages_hashes": "readings"},
):
    """A cluster of messages about one subject.

    Attributes:
        id: hash of its first name.
        name: its strongest key phrase.
        key_phrases: key phrases, strongest first.
        message_ids: the latest 200 members, newest last.
        message_count: number of members that are stored; 0 if all have left it: it does not count
            as a topic then.
        quality: mean cosine similarity of members to the centroid, 0 to 1.
        centroid: a unit vector.
        version: starts at 1, incremented with each change.
        updated_at: time of the last change, ISO 8601.
        model: model that created it.
        embedding_model: model of the centroid.
        messages_hashes: of the messages of the last extractions that changed it, so that none
            counts twice.
    """

    id: str
    name: str
    key_phrases: tuple[str, ...]
    message_ids: tuple[str, ...]
    message_count: int
    quality: float
    centroid: tuple[float, ...]
    version: int = 1
    updated_at: str = ""
    model: str = ""
    embedding_model: str = ""
    messages_hashes: tuple[str, ...] = ()


class TopicAssignment(msgspec.Struct, frozen=True):
    """Messages that belong to a topic.

    Attributes:
        topic_id: ID of an existing topic, or of a new one.
        name: name of a new topic.
        key_phrases: key phrases of a new topic, strongest first.
        message_ids: the members, oldest first.
    """

    topic_id: str
    name: str
    key_phrases: tuple[str, ...]
    message_ids: tuple[str, ...]


class Correction(msgspec.Struct, frozen=True):
    """The classification of a message according to an operator.

    Attributes:
        message_id: ID of the message.
        classification: noise, weak_signal or signal.
        previous: classification of the score at that time, empty without one.
        model: model that had scored it, empty without a score.
        prompt_version: version of its prompt.
        at: time, ISO 8601.
        comment: why, for people.
    """

    message_id: str
    classification: str
    previous: str = ""
    model: str = ""
    prompt_version: str = ""
    at: str = ""
    comment: str = ""
