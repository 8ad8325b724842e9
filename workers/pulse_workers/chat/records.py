"""What the store holds: messages, scores, topics and atoms, as JSON that names its fields."""

import msgspec


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """A file that a message carries.

    Attributes:
        path: relative to the export's folder; empty when the export left the file out.
        name: as shown.
        mime_type: as the export says, may be empty.
        size: bytes, 0 when unknown.
    """

    path: str
    name: str = ""
    mime_type: str = ""
    size: int = 0


class ChatMessage(msgspec.Struct, frozen=True):
    """One chat message.

    Attributes:
        id: `<chat>.<number>`, unique among all chats; also the key it is stored under.
        external_message_id: what the source calls it; for an export the same as `id`.
        content: the text, entities flattened.
        author: shown name, empty when the export has none (deleted account).
        author_id: the source's id of the author.
        sent_at: ISO 8601, UTC: what the export says, never the time of ingestion.
        source_name: name of the chat.
        source: folder of the export, or `sample` for the bundled one: attachments lie there.
        edited_at: ISO 8601 or None.
        reply_to: id of the message answered, or None.
        forwarded_from: name, or empty.
        links: addresses in the text.
        mentions: names mentioned.
        has_code: whether it holds code.
        attachments: files.
        media_type: as the export says (`voice_message`), `photo` for a photo, else empty.
        recent: ids of the messages before it in the chat, newest first; its context.
        ingested_by: id of the task that stored it.
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
    recent: tuple[str, ...] = ()
    ingested_by: str = ""


class Score(msgspec.Struct, frozen=True):
    """How much a message matters, and why.

    Attributes:
        importance_score: 0 to 1.
        classification: noise, weak_signal or signal.
        factors: each 0 to 1.
        weights: what each factor counts; they sum to 1.
        scored_at: ISO 8601.
        model: what scored it.
        attachment_chars: characters read from attachments.
    """

    message_id: str
    importance_score: float
    classification: str
    factors: dict[str, float]
    weights: dict[str, float]
    scored_at: str = ""
    model: str = ""
    attachment_chars: int = 0


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Where an atom was found."""

    message_id: str
    sentence: str
    cue: str


class Atom(msgspec.Struct, frozen=True):
    """One piece of knowledge.

    Attributes:
        id: made from type and sentence, so that finding it again finds the same atom.
        type: problem, solution, decision, question, insight, idea, blocker, risk, requirement.
        title: the sentence, shortened.
        evidence: where it was found.
        confidence: 0 to 1: how strongly the wording speaks for the type.
        language: en or uk.
        topic_id: topic it belongs to, or empty.
        found_at: ISO 8601.
        model: what found it.
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


class Topic(msgspec.Struct, frozen=True):
    """A subject that messages talk about.

    Attributes:
        id: made from the name it was first given.
        name: key phrase.
        key_phrases: strongest first.
        message_ids: members, newest last, the latest 200.
        message_count: how many members there ever were.
        quality: 0 to 1: mean cosine similarity of members to their centre.
        centre: unit vector.
        version: 1 at first, one more with each change.
        updated_at: ISO 8601.
        model: what made it.
    """

    id: str
    name: str
    key_phrases: tuple[str, ...]
    message_ids: tuple[str, ...]
    message_count: int
    quality: float
    centre: tuple[float, ...]
    version: int = 1
    updated_at: str = ""
    model: str = ""
