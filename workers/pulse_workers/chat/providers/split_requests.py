"""Requests about parts of messages: a part that is refused or answered invalidly is split.

One message that a content filter refuses, or that makes a model write invalid JSON, prevents no
other message from being answered.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from pulse_workers.chat.providers.model_client import Completion, CompletionRequest, ModelClient
from pulse_workers.chat.providers.model_errors import (
    InvalidAnswerError,
    ModelError,
    ModelRefusedError,
    TemporaryModelError,
)
from pulse_workers.chat.providers.provider import Usage
from pulse_workers.chat.providers.structured_output import add_usage
from pulse_workers.chat.records import ChatMessage
from pulse_workers.errors import ProviderRefusedError

T = TypeVar("T")
Item = TypeVar("Item")

MAX_INVALID_SPLITS: Final = 2
"""Each invalid answer is paid for, with its repairs."""


class SplitRequests(Generic[T]):
    """Requests to a model about parts of messages.

    Attributes:
        errors: why messages were not answered, by message ID.
        usage: tokens and cost of all requests.
        model: model that answered, empty if none did.
    """

    def __init__(
        self,
        client: ModelClient,
        request: Callable[[Sequence[ChatMessage]], CompletionRequest[T]],
        request_alone: Callable[[ChatMessage], CompletionRequest[T] | None] = lambda _message: None,
        *,
        concurrency: int,
    ) -> None:
        """Prepare requests.

        Args:
            client: connection to the server.
            request: makes the request for a part.
            request_alone: makes the request for one message without its context, such as earlier
                messages; None if it has no context.
            concurrency: requests at the same time.
        """
        self._client = client
        self._request = request
        self._request_alone = request_alone
        self._alone: dict[str, CompletionRequest[T]] = {}
        self._slots = asyncio.Semaphore(concurrency)
        self._completions: dict[str, Completion[T]] = {}
        self._order: dict[str, int] = {}
        self._stopped: ModelError | None = None
        self._first_error: ModelError | None = None
        self.errors: dict[str, ModelError | ProviderRefusedError] = {}
        self.usage = Usage(cost_usd=0.0)

    @property
    def values(self) -> list[T]:
        """The answers, in the order of their messages."""
        keys = sorted(self._completions, key=self._order.__getitem__)
        return [self._completions[key].value for key in keys]

    @property
    def model(self) -> str:
        """Model that answered, empty if none did."""
        return next((each.model for each in self._completions.values()), "")

    async def ask(self, parts: Sequence[Sequence[ChatMessage]]) -> None:
        """Make a request for each part, and split the parts that fail.

        A single message that is refused is asked about again without its context, which may be
        what was refused. After an error that all requests would have, such as a wrong key, no more
        are made.

        Raises:
            ModelError: all failed; it is the first error and has the usage of all.
        """
        self._order = {
            message.id: index
            for index, message in enumerate(message for part in parts for message in part)
        }
        splits = 0
        while parts:
            failed = await self._ask_once(parts)
            parts = []
            for part, error in failed:
                if len(part) > 1 and self._can_split(error, splits):
                    parts += halves(part)
                elif len(part) == 1 and self._leaves_out_context(part[0], error, splits):
                    parts.append(part)
                elif len(part) == 1 and self._completions and _may_be_about_input(error):
                    self.errors[part[0].id] = ProviderRefusedError(str(error))  # others are not
                else:
                    self.errors.update({message.id: error for message in part})
            splits += 1
        if self._first_error is not None and not self._completions:
            self._first_error.usage = self.usage
            raise self._first_error

    async def _ask_once(
        self, parts: Sequence[Sequence[ChatMessage]]
    ) -> list[tuple[Sequence[ChatMessage], ModelError]]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ask_about(part)) for part in parts]
        except BaseExceptionGroup as errors:  # of a bug: errors of models are returned
            raise errors.exceptions[0] from None
        found = zip(parts, (task.result() for task in tasks), strict=True)
        return [(part, error) for part, error in found if error is not None]

    async def _ask_about(self, part: Sequence[ChatMessage]) -> ModelError | None:
        async with self._slots:
            if self._stopped is not None:
                return self._stopped
            try:
                request = self._alone.get(part[0].id) or self._request(part)
                completion = await self._client.complete(request)
            except ModelError as error:
                self.usage = add_usage(self.usage, error.usage)
                self._first_error = self._first_error or error
                is_refused = isinstance(error, ModelRefusedError) and not _may_be_about_input(error)
                if is_refused or isinstance(error, TemporaryModelError):
                    self._stopped = error
                return error
        self.usage = add_usage(self.usage, completion.usage)
        self._completions[part[0].id] = completion
        return None

    def _leaves_out_context(self, message: ChatMessage, error: ModelError, splits: int) -> bool:
        """Return whether a message is asked about again, which then is without its context."""
        if message.id in self._alone or not _may_be_about_input(error):
            return False
        if not self._can_split(error, splits) or (alone := self._request_alone(message)) is None:
            return False
        self._alone[message.id] = alone
        return True

    def _can_split(self, error: ModelError, splits: int) -> bool:
        if self._stopped is not None:
            return False
        # Without an answer, all requests may have the error: a setting may be wrong.
        may_succeed = bool(self._completions) or not splits
        if isinstance(error, InvalidAnswerError):
            return may_succeed and splits < MAX_INVALID_SPLITS
        if isinstance(error, ModelRefusedError) and error.is_about_input:
            return True
        return may_succeed and _may_be_about_input(error)


def _may_be_about_input(error: ModelError) -> bool:
    return isinstance(error, ModelRefusedError) and error.may_be_about_input


def halves(part: Sequence[Item]) -> list[Sequence[Item]]:
    """Return the two halves of a part of two or more."""
    middle = len(part) // 2
    return [part[:middle], part[middle:]]
