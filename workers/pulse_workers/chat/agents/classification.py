"""The agent that classifies messages."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pulse_workers.chat.agents.answer_schema import AnswerSchema, ids_of, single_line
from pulse_workers.chat.agents.prompt_data import PromptData
from pulse_workers.chat.providers.provider import Judgement
from pulse_workers.chat.records import MessageClass

TOKENS_PER_MESSAGE: Final = 80
"""Of an answer."""


class JudgedMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model says about a message."""

    number: int
    classification: MessageClass
    importance: Annotated[float, Meta(ge=0, le=1)]
    reason: Annotated[str, Meta(max_length=160)]
    topic: Annotated[str, Meta(max_length=60)]


class JudgementAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer: each message once."""

    judgements: Annotated[list[JudgedMessage], Meta(min_length=1, max_length=200)]


ANSWER: Final = AnswerSchema("judgements", JudgementAnswer)


def task_for(count: int) -> str:
    """Return the sentence after the data."""
    return f"Judge the {count} messages that have a number, each exactly once."


def convert_judgements(answer: JudgementAnswer, data: PromptData) -> Sequence[Judgement]:
    """Return one judgement per message, in the order of the data.

    Raises:
        ValueError: a message is missing, judged twice, or unknown.
    """
    found: dict[str, Judgement] = {}
    for judged in answer.judgements:
        (message_id,) = ids_of([judged.number], data)
        if message_id in found:
            raise ValueError(f"message {judged.number} is judged twice")
        found[message_id] = Judgement(
            message_id,
            judged.classification,
            round(judged.importance, 4),
            single_line(judged.reason),
            single_line(judged.topic),
        )
    missing = [n for n, message in enumerate(data.messages, 1) if message.id not in found]
    if missing:
        raise ValueError(f"messages are not judged: {', '.join(map(str, missing[:20]))}")
    return [found[message.id] for message in data.messages]
