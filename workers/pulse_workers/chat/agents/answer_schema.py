"""Schemas of answers, and what is checked besides them."""

import copy
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import msgspec

from pulse_workers.chat.agents.prompt import Prompt, version_of
from pulse_workers.chat.agents.prompt_data import PromptData
from pulse_workers.chat.providers.model_client import (
    CompletionRequest,
    ModelMessage,
    convert_answer,
    json_schema_of,
)

A = TypeVar("A", bound=msgspec.Struct)
T = TypeVar("T")

_LINK: Final = re.compile(r"\w://|\bwww\.", re.IGNORECASE)
_NUMBER: Final = "number"
_NUMBERS: Final = "numbers"


class AnswerSchema(Generic[A]):
    """The type that a model has to answer with."""

    def __init__(self, name: str, answer_type: type[A]) -> None:
        """Set the type.

        Args:
            name: name of the schema, of letters and `_`.
            answer_type: numbers of messages in it are named `number` and `numbers`.
        """
        self.name = name
        self._type = answer_type

    @cached_property
    def _schema(self) -> Mapping[str, Any]:
        return json_schema_of(self._type)

    def version(self, prompt: Prompt) -> str:
        """Return the version of the schema that models get."""
        return version_of(
            msgspec.json.encode(prompt.schema or self._schema, order="sorted").decode()
        )

    def request(
        self,
        prompt: Prompt,
        data: PromptData,
        task: str,
        convert: Callable[[A, PromptData], T],
        *,
        model: str,
        max_output_tokens: int,
    ) -> CompletionRequest[T]:
        """Return the request for an answer about messages.

        Args:
            prompt: the instructions.
            data: the messages.
            task: what to do with the data, in a sentence.
            convert: converts a valid answer; raises ValueError with what is wrong with it.
            model: name of the model.
            max_output_tokens: limit of the answer.
        """

        def validate(value: object) -> T:
            answer = convert_answer(value, self._type)
            if data.delimiter in msgspec.json.encode(answer).decode():
                raise ValueError("the answer repeats the code of the data")
            return convert(answer, data)

        schema = prompt.schema or bounded(self._schema, len(data.messages))
        system = f"{prompt.text}\n\nThe random code is {data.delimiter}."
        messages = (
            ModelMessage("system", system),
            ModelMessage("user", f"{data.text}\n\n{task}"),
        )
        return CompletionRequest(
            model, messages, schema, self.name, validate, max_output_tokens=max_output_tokens
        )


def bounded(schema: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return a schema that allows only the numbers 1 to `count` of messages."""
    result = copy.deepcopy(dict(schema))
    _bound(result, count)
    return result


def _bound(schema: Any, count: int) -> None:
    if isinstance(schema, list):
        for each in schema:
            _bound(each, count)
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties", {})
    if _NUMBER in properties:
        properties[_NUMBER] |= {"minimum": 1, "maximum": count}
    if _NUMBERS in properties:
        properties[_NUMBERS]["items"] |= {"minimum": 1, "maximum": count}
        _shorten(properties[_NUMBERS], count)
    if _NUMBER in schema.get("items", {}).get("properties", {}):
        _shorten(schema, count)
    for value in schema.values():
        _bound(value, count)


def _shorten(array: dict[str, Any], count: int) -> None:
    """Allow no more items than messages: a small model writes as many as it may."""
    array["maxItems"] = min(array.get("maxItems", count), count)


def ids_of(numbers: Iterable[int], data: PromptData) -> tuple[str, ...]:
    """Return the IDs of messages, each once.

    Raises:
        ValueError: there is no message with one of the numbers, or no number.
    """
    found = list(dict.fromkeys(numbers))
    for number in found:
        if not 1 <= number <= len(data.messages):
            raise ValueError(
                f"there is no message {number}; messages have the numbers 1 to {len(data.messages)}"
            )
    if not found:
        raise ValueError("a statement has no numbers of messages")
    return tuple(data.messages[number - 1].id for number in found)


def single_line(text: str) -> str:
    """Return a text as one line without invisible characters.

    Raises:
        ValueError: it has a link, which may come from a prompt injection.
    """
    if _LINK.search(text):
        raise ValueError("texts must not have links")
    kept = (c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join("".join(kept).split())
