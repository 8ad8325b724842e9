"""The interface of providers, which classify, embed, extract from and summarise chat messages.

Tasks and agents depend on this protocol only. A provider has some of the capabilities; it raises
`ProviderRefusedError` for what it cannot do, and never guesses.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypedDict, TypeVar

from pulse_workers.chat.records import Atom, ChatMessage, Stage, Topic, TopicAssignment, Vector

T_co = TypeVar("T_co", covariant=True)


class Capability(enum.Enum):
    """What a provider can do.

    Attributes:
        agent: name of the agent that does it, in events and in the configuration.
        stage: stage of a message that it completes, None if it is of no message.
    """

    agent: str
    stage: Stage | None

    CLASSIFY = "classify", "classification", Stage.SCORED
    EMBED = "embed", "embedding", Stage.EMBEDDED
    EXTRACT = "extract", "extraction", Stage.EXTRACTED
    SUMMARISE = "summarise", "analysis", None

    def __new__(cls, value: str, agent: str, stage: Stage | None) -> "Capability":
        """Create a member of which `value` is the value."""
        member = object.__new__(cls)
        member._value_ = value
        member.agent = agent
        member.stage = stage
        return member


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """What an answer depends on besides its input; a stage runs again if it changes.

    Attributes:
        model: name of the configured model, also while a fallback answers.
        prompt_version: version of the prompt, empty without one.
        provider: name of the provider that has the model; empty if it is the provider itself.
        schema_version: version of the answer's schema, empty without one.
        is_available: whether the provider itself is expected to answer, rather than a fallback.
    """

    model: str
    prompt_version: str = ""
    provider: str = ""
    schema_version: str = ""
    is_available: bool = True


@dataclasses.dataclass(frozen=True)
class Usage:
    """Tokens read and written, as counted by the provider, and their price.

    Attributes:
        tokens_in: tokens of the requests, those of failed attempts included.
        tokens_out: tokens of the answers.
        cost_usd: price in US dollars, None where it is not known.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None


@dataclasses.dataclass(frozen=True)
class FallbackCause:
    """Why a fallback answered in place of the primary provider.

    Attributes:
        provider: name of the primary provider.
        model: its model.
        reason: why it did not answer.
        is_provisional: whether the call is repeated once the primary provider answers again.
    """

    provider: str
    model: str
    reason: str
    is_provisional: bool = False

    @property
    def primary(self) -> str:
        """The primary provider and its model, as `provider/model`."""
        return f"{self.provider}/{self.model}"


class StoredFallback(TypedDict):
    """Fields of stored records that tell of a fallback; empty without one."""

    fallback_from: str
    fallback_reason: str


def stored_fallback(cause: FallbackCause | None) -> StoredFallback:
    """Return what records store about a fallback."""
    if cause is None:
        return {"fallback_from": "", "fallback_reason": ""}
    return {"fallback_from": cause.primary, "fallback_reason": cause.reason}


@dataclasses.dataclass(frozen=True)
class Answer(Generic[T_co]):
    """What a provider answered.

    Attributes:
        value: the answer, valid by its schema.
        usage: its cost.
        provider: name of the provider that answered.
        model: model that answered.
        prompt_version: version of the prompt, empty without one.
        schema_version: version of the answer's schema, empty without one.
        fallback: set if this is not the provider that was configured first.
        errors: why it lacks some of the messages, by message ID.
        rest: what a fallback answered about messages that this provider could not answer.
    """

    value: T_co
    usage: Usage
    provider: str
    model: str
    prompt_version: str = ""
    schema_version: str = ""
    fallback: FallbackCause | None = None
    errors: Mapping[str, Exception] = dataclasses.field(default_factory=dict)
    rest: "Answer[T_co] | None" = None

    @property
    def parts(self) -> "tuple[Answer[T_co], ...]":
        """This answer, and those of fallbacks about the messages that it lacks."""
        return (self, *(self.rest.parts if self.rest is not None else ()))

    @property
    def unanswered(self) -> Mapping[str, Exception]:
        """Why some of the messages were not answered, by message ID."""
        return self.parts[-1].errors

    def fallback_of(self, message_id: str) -> FallbackCause | None:
        """Return why a fallback answered about a message, None if the primary provider did."""
        return next((part.fallback for part in self.parts if message_id not in part.errors), None)

    @property
    def fallback_fields(self) -> dict[str, str | None]:
        """Fields of events and results that tell of a fallback; null without one."""
        fallback = next((part.fallback for part in self.parts if part.fallback), None)
        return {
            "fallback_from": fallback.primary if fallback else None,
            "fallback_reason": fallback.reason if fallback else None,
        }


@dataclasses.dataclass(frozen=True)
class JudgeInput:
    """A message to classify, with its context.

    Attributes:
        message: the message.
        recent: messages before it in the chat, newest first.
        attachment_text: text of its attachments.
    """

    message: ChatMessage
    recent: Sequence[ChatMessage] = ()
    attachment_text: str = ""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How important a message is.

    Attributes:
        message_id: ID of the message.
        classification: `noise`, `weak_signal`, `signal`, or `not_judged` with a reason.
        importance: 0 to 1; None if the message was not judged.
        reason: why, in a few words.
        topic: what it is about, in a few words; may be empty.
        factors: value of each factor, 0 to 1, if the provider works with factors.
        weights: weight of each factor; they sum to 1.
    """

    message_id: str
    classification: str
    importance: float | None
    reason: str = ""
    topic: str = ""
    factors: Mapping[str, float] = dataclasses.field(default_factory=dict)
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ExtractionRequest:
    """Messages from which atoms and topics are extracted together.

    Attributes:
        messages: in the order in which they were sent.
        vectors: unit vectors by message ID; may lack some of the messages.
        topics: the existing topics.
        language: language of what is found, such as `en`; None for that of the messages.
        now: Unix seconds.
    """

    messages: Sequence[ChatMessage]
    vectors: Mapping[str, Vector]
    topics: Sequence[Topic]
    language: str | None
    now: float


@dataclasses.dataclass(frozen=True)
class Extraction:
    """Atoms and topics that were found in messages."""

    atoms: tuple[Atom, ...]
    topics: tuple[TopicAssignment, ...]


@dataclasses.dataclass(frozen=True)
class SummaryRequest:
    """A period to summarise.

    Attributes:
        messages: messages of the period that are not noise, oldest first.
        atoms: atoms that were found in them.
        start: first moment of the period, ISO 8601.
        end: the moment after it, ISO 8601.
        language: language of the summary, such as `en`; empty for the configured one.
    """

    messages: Sequence[ChatMessage]
    atoms: Sequence[Atom]
    start: str
    end: str
    language: str


@dataclasses.dataclass(frozen=True)
class SummaryItem:
    """A statement of a summary, and the messages that it is drawn from."""

    text: str
    message_ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class WaitingItem(SummaryItem):
    """A person who waits for another one."""

    who: str = ""
    waits_for: str = ""


@dataclasses.dataclass(frozen=True)
class PeriodSummary:
    """What happened in a period."""

    changes: tuple[SummaryItem, ...] = ()
    decisions: tuple[SummaryItem, ...] = ()
    open_questions: tuple[SummaryItem, ...] = ()
    risks: tuple[SummaryItem, ...] = ()
    waiting: tuple[WaitingItem, ...] = ()


class Provider(Protocol):
    """A source of judgements, vectors, knowledge and summaries."""

    @property
    def name(self) -> str:
        """Name of the provider, such as `builtin`."""
        ...

    @property
    def embedding_model(self) -> str:
        """Name of the embedding model."""
        ...

    def version(self, capability: Capability) -> ModelVersion:
        """Return model and prompt version of the answers it gives now."""
        ...

    async def classify(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        """Classify messages; there is one judgement or error for each, in the same order."""
        ...

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        """Return one unit vector per text, shape (texts, dimensions).

        Args:
            texts: the texts.
            is_query: whether they are searched for, rather than stored. Some models differ.
        """
        ...

    async def extract(self, request: ExtractionRequest) -> Answer[Extraction]:
        """Extract atoms, and assign messages to topics."""
        ...

    async def summarise(self, request: SummaryRequest) -> Answer[PeriodSummary]:
        """Summarise a period."""
        ...
