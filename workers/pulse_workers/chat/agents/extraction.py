"""The agent that extracts atoms and topics."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pulse_desktop.protocol.atoms import AtomType
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.agents.answer_schema import AnswerSchema, ids_of, single_line
from pulse_workers.chat.agents.prompt_data import PromptData
from pulse_workers.chat.providers.provider import Extraction, ExtractionRequest
from pulse_workers.chat.records import Atom, Evidence, Topic, TopicAssignment
from pulse_workers.chat.store.quotes import comparable_text, normal_text

TOKENS_PER_MESSAGE: Final = 60
"""Of an answer, on average."""
MAX_TOPICS_GIVEN: Final = 60

_Name = Annotated[str, Meta(min_length=2, max_length=60)]
_MIN_QUOTE: Final = 8


class QuotedSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a message."""

    number: int
    quote: Annotated[str, Meta(min_length=1, max_length=400)]


class FoundAtom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An atom as a model gives it."""

    type: AtomType
    title: Annotated[str, Meta(min_length=3, max_length=200)]
    sources: Annotated[list[QuotedSource], Meta(min_length=1, max_length=5)]
    confidence: Annotated[float, Meta(ge=0, le=1)]


class FoundTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic as a model gives it."""

    name: _Name
    key_phrases: Annotated[list[_Name], Meta(max_length=5)]
    numbers: Annotated[list[int], Meta(min_length=1, max_length=200)]


class ExtractionAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer; both lists may be empty."""

    atoms: Annotated[list[FoundAtom], Meta(max_length=60)]
    topics: Annotated[list[FoundTopic], Meta(max_length=20)]


ANSWER: Final = AnswerSchema("extraction", ExtractionAnswer)


def task_for(count: int) -> str:
    """Return the sentence after the data."""
    return f"Extract the atoms and topics of messages 1 to {count}."


class ExtractionConverter:
    """Converts answers, for one request and model."""

    def __init__(self, request: ExtractionRequest, model: str, language: str) -> None:
        """Set what atoms are made with.

        Args:
            request: what was asked.
            model: name of the model.
            language: language of the answer, empty for that of the messages.
        """
        self._found_at = format_timestamp(request.now)
        self._model = model
        self._language = language
        self._topic_ids = {normal_text(topic.name): topic.id for topic in request.topics}

    def convert(self, answer: ExtractionAnswer, data: PromptData) -> Extraction:
        """Return atoms and topics.

        Raises:
            ValueError: a number is unknown, a quote is not in its message, or a text has a link.
        """
        atoms = {atom.id: atom for atom in (self._atom(each, data) for each in answer.atoms)}
        taken: set[str] = set()
        topics: list[TopicAssignment] = []
        for found in answer.topics:
            ids = [each for each in ids_of(found.numbers, data) if each not in taken]
            taken.update(ids)
            if ids:
                topics.append(self._topic(found, ids))
        return Extraction(tuple(atoms.values()), tuple(topics))

    def _atom(self, found: FoundAtom, data: PromptData) -> Atom:
        evidence = [self._evidence(source, data) for source in found.sources]
        return Atom(
            id=_hash(f"{found.type} {normal_text(evidence[0].sentence)}", 10),
            type=found.type,
            title=single_line(found.title),
            evidence=tuple({each.message_id: each for each in reversed(evidence)}.values())[::-1],
            confidence=round(found.confidence, 4),
            language=self._language,
            found_at=self._found_at,
            model=self._model,
        )

    @staticmethod
    def _evidence(source: QuotedSource, data: PromptData) -> Evidence:
        (message_id,) = ids_of([source.number], data)
        text = comparable_text(data.messages[source.number - 1].content)
        quote = comparable_text(source.quote)
        if quote not in text or len(quote) < min(_MIN_QUOTE, len(text)):
            raise ValueError(
                f"the quote of message {source.number} is not a part of its text: copy it exactly"
            )
        return Evidence(message_id, " ".join(source.quote.split()), "")

    def _topic(self, found: FoundTopic, ids: Sequence[str]) -> TopicAssignment:
        name = single_line(found.name)
        if not normal_text(name):
            raise ValueError("the name of a topic is empty")
        topic_id = self._topic_ids.get(normal_text(name)) or _hash(normal_text(name), 8)
        phrases = tuple(dict.fromkeys(single_line(each) for each in found.key_phrases))
        return TopicAssignment(topic_id, name, phrases or (name,), tuple(ids))


def given_topics(topics: Iterable[Topic]) -> list[str]:
    """Return the names of existing topics that a model is given, the last changed first."""
    latest = sorted(topics, key=lambda topic: topic.updated_at, reverse=True)
    return [topic.name for topic in latest[:MAX_TOPICS_GIVEN]]


def merge_extractions(extractions: Iterable[Extraction]) -> Extraction:
    """Return what was found in parts of a request; topics of the same name become one."""
    atoms: dict[str, Atom] = {}
    topics: dict[str, TopicAssignment] = {}
    for extraction in extractions:
        for atom in extraction.atoms:
            known = atoms.get(atom.id)
            evidence = {each.message_id: each for each in (known.evidence if known else ())}
            evidence |= {each.message_id: each for each in atom.evidence}
            atoms[atom.id] = msgspec.structs.replace(
                known or atom, evidence=tuple(evidence.values())
            )
        for topic in extraction.topics:
            members = topics[topic.topic_id].message_ids if topic.topic_id in topics else ()
            topics[topic.topic_id] = TopicAssignment(
                topic.topic_id,
                topic.name,
                topic.key_phrases,
                tuple(dict.fromkeys((*members, *topic.message_ids))),
            )
    return Extraction(tuple(atoms.values()), tuple(topics.values()))


def _hash(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
