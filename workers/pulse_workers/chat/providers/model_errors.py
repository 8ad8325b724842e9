"""Errors of model clients. Their texts contain no secrets and are bounded."""

from typing import Final

from pulse_workers.chat.providers.provider import Usage
from pulse_workers.errors import (
    ProviderRefusedError,
    TooManyMessagesError,
    ValueRefusedError,
    WorkerError,
)

INPUT_CODES: Final = frozenset(
    {
        "ResponsibleAIPolicyViolation",
        "content_filter",
        "content_policy_violation",
        "context_length_exceeded",
        "exceed_context_size_error",
        "invalid_prompt",
        "string_above_max_length",
    }
)
"""Codes of refusals of a text, which the same model refuses again."""
_PART_STATUSES: Final = frozenset({400, 413, 422})
"""Statuses of refusals that may be about one text, or about the configuration."""


class ModelError(WorkerError):
    """A model did not answer as asked.

    Attributes:
        usage: tokens and cost of the requests that were made nevertheless.
    """

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage or Usage(cost_usd=0.0)


class TemporaryModelError(ModelError):
    """The same request may succeed later.

    Attributes:
        retry_after_s: seconds until it may work, None if unknown.
        is_retryable: whether it is worth trying again at once, or after `retry_after_s`.
    """

    def __init__(
        self,
        message: str,
        usage: Usage | None = None,
        *,
        retry_after_s: float | None = None,
        is_retryable: bool = False,
    ) -> None:
        super().__init__(message, usage)
        self.retry_after_s = retry_after_s
        self.is_retryable = is_retryable


class ModelUnavailableError(TemporaryModelError):
    """The server cannot be reached, did not answer in time, or failed."""


class ModelRateLimitedError(TemporaryModelError):
    """A rate limit or budget leaves no room in an acceptable time."""


class SpendLimitError(ModelRateLimitedError):
    """The spend limit of the period is reached."""


class ModelRefusedError(ModelError):
    """The server refused the request: key, model, size or format.

    Attributes:
        status: HTTP status.
        code: the server's name of the reason, such as `model_not_found`; may be empty.
    """

    def __init__(self, message: str, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def is_about_input(self) -> bool:
        """Whether the same model will refuse the same text again."""
        return self.code in INPUT_CODES

    @property
    def may_be_about_input(self) -> bool:
        """Whether a part of the text may be accepted."""
        return self.is_about_input or self.status in _PART_STATUSES


class InvalidAnswerError(ModelError):
    """The model answered, and no answer was valid. For a task this is a soft failure.

    Attributes:
        text: the last raw answer, at most `MAX_RAW_TEXT` characters.
        reason: what was wrong with it.
        model: model that answered.
    """

    def __init__(self, reason: str, text: str, model: str, usage: Usage | None = None) -> None:
        super().__init__(f"{model} gave no valid answer: {reason}", usage)
        self.text = text
        self.reason = reason
        self.model = model


class ModelProtocolError(ModelError):
    """The response is not what the protocol says: no JSON, no choices, too large, redirected."""


def is_about_input(error: Exception) -> bool:
    """Return whether the same model would refuse the same input again, or its answer be refused."""
    if isinstance(error, ModelRefusedError):
        return error.is_about_input  # not for a wrong key or setting, which can be corrected
    if isinstance(error, TooManyMessagesError):
        return False  # each of the messages may be accepted
    return isinstance(error, ProviderRefusedError | ValueRefusedError)
