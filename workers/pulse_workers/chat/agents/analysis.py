"""The agent that summarises a period."""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pulse_workers.chat.agents.answer_schema import AnswerSchema, ids_of, single_line
from pulse_workers.chat.agents.prompt_data import PromptData
from pulse_workers.chat.providers.provider import PeriodSummary, SummaryItem, WaitingItem

_Text = Annotated[str, Meta(min_length=3, max_length=300)]
_Person = Annotated[str, Meta(min_length=1, max_length=80)]
_Numbers = Annotated[list[int], Meta(min_length=1, max_length=12)]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement as a model gives it."""

    text: _Text
    numbers: _Numbers


class Waiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person who waits for another one, as a model gives it."""

    who: _Person
    waits_for: _Person
    text: _Text
    numbers: _Numbers


_Statements = Annotated[list[Statement], Meta(max_length=12)]


class AnalysisAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer; lists may be empty."""

    changes: _Statements
    decisions: _Statements
    open_questions: _Statements
    risks: _Statements
    waiting: Annotated[list[Waiting], Meta(max_length=12)]


ANSWER: Final = AnswerSchema("analysis", AnalysisAnswer)


def task_for(count: int) -> str:
    """Return the sentence after the data."""
    return f"Summarise messages 1 to {count}."


def convert_summary(answer: AnalysisAnswer, data: PromptData) -> PeriodSummary:
    """Return the summary.

    Raises:
        ValueError: a number is unknown, or a text has a link.
    """

    def items(statements: Iterable[Statement]) -> tuple[SummaryItem, ...]:
        return tuple(
            SummaryItem(single_line(each.text), ids_of(each.numbers, data)) for each in statements
        )

    return PeriodSummary(
        changes=items(answer.changes),
        decisions=items(answer.decisions),
        open_questions=items(answer.open_questions),
        risks=items(answer.risks),
        waiting=tuple(
            WaitingItem(
                single_line(each.text),
                ids_of(each.numbers, data),
                who=single_line(each.who),
                waits_for=single_line(each.waits_for),
            )
            for each in answer.waiting
        ),
    )


def merge_summaries(summaries: Iterable[PeriodSummary]) -> PeriodSummary:
    """Return the statements of parts of a period, in the order of the parts."""
    parts = list(summaries)
    return PeriodSummary(
        changes=tuple(dict.fromkeys(item for part in parts for item in part.changes)),
        decisions=tuple(dict.fromkeys(item for part in parts for item in part.decisions)),
        open_questions=tuple(dict.fromkeys(item for part in parts for item in part.open_questions)),
        risks=tuple(dict.fromkeys(item for part in parts for item in part.risks)),
        waiting=tuple(dict.fromkeys(item for part in parts for item in part.waiting)),
    )
