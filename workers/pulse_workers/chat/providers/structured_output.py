"""Valid JSON from a model: output modes, decoding of what it wrote, and repairs.

A server enforces a schema, or accepts it and ignores it, or refuses it. The most reliable mode that
works is found by use and remembered.
"""

import dataclasses
import itertools
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from pulse_workers.chat.providers.model_client import (
    MAX_RAW_TEXT,
    Completion,
    CompletionRequest,
    ModelMessage,
    OutputMode,
)
from pulse_workers.chat.providers.model_errors import (
    INPUT_CODES,
    InvalidAnswerError,
    ModelError,
    ModelRefusedError,
)
from pulse_workers.chat.providers.provider import Usage
from pulse_workers.config.known_secrets import without_secrets

T = TypeVar("T")

MAX_REPAIRS: Final = 2
"""More rarely help: a model that is told its error twice repeats it."""
_MODE_REFUSED: Final = frozenset({400, 422})
"""Statuses of servers that do not know a field of the request, or a model that lacks tools."""
_NOT_THE_MODE: Final = INPUT_CODES | {"invalid_api_key", "model_not_found"}
"""Codes of refusals that another mode does not change."""
_REASONING: Final = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
# Each line break ends at most one beginning: with `\s*\n`, an answer that is a fence and a million
# line breaks, which small models write, would take quadratic time.
_FENCE: Final = re.compile(r"```(?:json)?[ \t]*+\r?\n(.*?)```", re.DOTALL)
_MAX_FENCES: Final = 10
_MAX_REASON: Final = 1_000


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a model wrote in one round.

    Attributes:
        text: the answer.
        model: model that answered.
        usage: tokens and cost of this round.
        usage_is_estimated: whether the server gave no plausible token counts.
        is_cut: whether the answer ended at the limit of tokens.
        refusal: why the model declined to answer, empty if it did not.
    """

    text: str
    model: str
    usage: Usage
    usage_is_estimated: bool = False
    is_cut: bool = False
    refusal: str = ""


class ModeMemory(Protocol):
    """Remembers the output mode that worked for a model."""

    async def mode(self, model: str) -> OutputMode | None:
        """Return the mode that worked, None if unknown."""
        ...

    async def remember_mode(self, model: str, mode: OutputMode) -> None:
        """Store the mode that worked."""
        ...


Send = Callable[[Sequence[ModelMessage], OutputMode], Awaitable[Reply]]


class StructuredOutput:
    """One request, repeated until its answer is valid or no attempt is left.

    Attributes:
        has_slipped: whether the mode was changed because of an answer, not of a refusal.
    """

    def __init__(
        self, request: CompletionRequest[Any], send: Send, modes: Sequence[OutputMode]
    ) -> None:
        """Prepare a request.

        Args:
            request: what is asked.
            send: makes one HTTP request.
            modes: the modes to try, in this order.
        """
        self._request = request
        self._send = send
        self._modes = list(modes)
        self._usage = Usage(cost_usd=0.0)
        self._is_estimated = False
        self.has_slipped = False

    async def complete(self, validate: Callable[[object], T]) -> Completion[T]:
        """Ask, and repair at most `MAX_REPAIRS` times.

        Raises:
            InvalidAnswerError: no answer was valid.
            ModelError: the model could not be asked, or refused.
        """
        messages = self._request.messages
        for repairs in range(MAX_REPAIRS + 1):
            reply = await self._ask(messages)
            mode = self._modes[0]
            if reply.refusal:
                raise self._invalid(f"it declined: {reply.refusal}", reply)
            try:
                value = decode_answer(reply.text)
            except ValueError as error:
                if reply.is_cut:
                    limit = self._request.max_output_tokens
                    raise self._invalid(f"cut at {limit} tokens", reply) from None
                reason = str(error)
                self.has_slipped |= self._next_mode()  # the schema may not be enforced
            else:
                try:
                    valid = validate(value)
                except ValueError as error:
                    reason = str(error)
                    if repairs:
                        self.has_slipped |= self._next_mode()
                else:
                    return Completion(
                        value=valid,
                        text=reply.text[:MAX_RAW_TEXT],
                        usage=self._usage,
                        model=reply.model,
                        output_mode=mode,
                        repairs=repairs,
                        usage_is_estimated=self._is_estimated,
                    )
            messages = (*self._request.messages, *_repair(reply.text, reason))
        raise self._invalid(reason, reply)

    async def _ask(self, messages: Sequence[ModelMessage]) -> Reply:
        """Make a request in the first mode that the server accepts."""
        refused: ModelRefusedError | None = None
        while True:
            mode = self._modes[0]
            try:
                reply = await self._send(instructed(messages, self._request, mode), mode)
            except ModelRefusedError as error:
                if error.status not in _MODE_REFUSED or error.code in _NOT_THE_MODE:
                    raise self._with_usage(error) from None
                refused = refused or error
                if not self._next_mode():
                    raise self._with_usage(refused) from None
            except ModelError as error:
                raise self._with_usage(error) from None
            else:
                self._usage = add_usage(self._usage, reply.usage)
                self._is_estimated |= reply.usage_is_estimated
                return reply

    def _next_mode(self) -> bool:
        """Give up the current mode, unless it is the last one."""
        if len(self._modes) == 1:
            return False
        del self._modes[0]
        return True

    def _with_usage(self, error: ModelError) -> ModelError:
        error.usage = add_usage(self._usage, error.usage)
        return error

    def _invalid(self, reason: str, reply: Reply) -> InvalidAnswerError:
        reason = without_secrets(reason, _MAX_REASON)
        return InvalidAnswerError(reason, reply.text[:MAX_RAW_TEXT], reply.model, self._usage)


def instructed(
    messages: Sequence[ModelMessage], request: CompletionRequest[Any], mode: OutputMode
) -> Sequence[ModelMessage]:
    """Return the messages with the schema in the instructions, if the mode needs it there."""
    if mode is not OutputMode.PROMPT:
        return messages
    schema = json.dumps(request.schema, ensure_ascii=False)
    text = (
        "Answer with one JSON object that matches this JSON Schema, without any other text:\n"
        f"{schema}"
    )
    first, *others = messages
    if first.role == "system":
        return ModelMessage("system", f"{first.text}\n\n{text}"), *others
    return ModelMessage("system", text), first, *others


def decode_answer(text: str) -> Any:
    """Decode the JSON object in a text, which may be surrounded by reasoning, prose or a fence.

    Raises:
        ValueError: there is none; the text says what was found instead.
    """
    text = _REASONING.sub("", text.lstrip("\ufeff")).strip()
    if not text:
        raise ValueError("the answer is empty; expected one JSON object")
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        first_error = str(error)
    fenced = (match[1] for match in _FENCE.finditer(text))
    objects = (each for each in fenced if each.lstrip().startswith("{"))
    candidates = list(itertools.islice(objects, _MAX_FENCES))
    if (start := text.find("{")) >= 0:
        candidates.append(text[start:])
    for candidate in candidates:
        try:
            # Not strict: small models write line breaks into strings as they are.
            found, _end = json.JSONDecoder(strict=False).raw_decode(candidate.strip())
            return msgspec.json.decode(msgspec.json.encode(found))  # without NaN and huge numbers
        except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError):
            continue
    raise ValueError(f"not a JSON object: {first_error}")


def add_usage(one: Usage, other: Usage) -> Usage:
    """Return the sum; the cost is unknown if one of them is."""
    known = one.cost_usd is not None and other.cost_usd is not None
    return Usage(
        one.tokens_in + other.tokens_in,
        one.tokens_out + other.tokens_out,
        (one.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
    )


def _repair(text: str, reason: str) -> tuple[ModelMessage, ModelMessage]:
    return (
        ModelMessage("assistant", text[:MAX_RAW_TEXT] or "(empty)"),
        ModelMessage(
            "user",
            f"Your answer is not valid: {reason[:_MAX_REASON]}\n"
            "Answer again with the complete corrected JSON object only.",
        ),
    )
