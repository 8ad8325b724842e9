"""The interface of wire formats: requests and responses of one protocol, without I/O."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from pulse_desktop.model.redaction import MARGIN, redacted_start
from pulse_workers.chat.providers.model_client import CompletionRequest, ModelMessage, OutputMode
from pulse_workers.chat.providers.model_errors import ModelProtocolError

S = TypeVar("S")

TOOL_DESCRIPTION: Final = "Give the answer."
MAX_NAME: Final = 200
MAX_MODELS: Final = 1_000
MAX_TOKENS: Final = 10_000_000
_MAX_ERROR: Final = 300
_WINDOW: Final = 4 * _MAX_ERROR + MARGIN
"""Characters of an error of which the beginning is shown, without tags and spaces."""


@dataclasses.dataclass(frozen=True)
class TokenCounts:
    """Tokens as the server counted them; None where it did not."""

    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclasses.dataclass(frozen=True)
class RawAnswer:
    """What a model wrote, not yet validated.

    Attributes:
        text: the answer, in the mode `TOOL` the arguments of the call.
        model: model that answered, as named by the server; empty if it did not say.
        counts: tokens.
        is_cut: whether the answer ended at the limit of tokens.
        refusal: why the model declined to answer, empty if it did not.
    """

    text: str
    model: str
    counts: TokenCounts
    is_cut: bool = False
    refusal: str = ""


@dataclasses.dataclass(frozen=True)
class RawEmbeddings:
    """Vectors as received: any length, not yet compared with the texts."""

    rows: Sequence[Sequence[float]]
    model: str
    counts: TokenCounts


class WireFormat(Protocol):
    """Requests and responses of one protocol."""

    @property
    def completion_path(self) -> str:
        """Path of completions, relative to the base URL."""
        ...

    @property
    def embedding_path(self) -> str:
        """Path of embeddings."""
        ...

    @property
    def models_path(self) -> str:
        """Path of the list of models."""
        ...

    def encode_completion(
        self,
        request: CompletionRequest[Any],
        messages: Sequence[ModelMessage],
        mode: OutputMode,
    ) -> dict[str, Any]:
        """Return the body of a request; `messages` replace those of the request."""
        ...

    def decode_completion(self, body: bytes, mode: OutputMode) -> RawAnswer:
        """Return the answer of a model.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        ...

    def encode_embedding(self, model: str, texts: Sequence[str]) -> dict[str, Any]:
        """Return the body of a request for vectors."""
        ...

    def decode_embeddings(self, body: bytes) -> RawEmbeddings:
        """Return vectors in the order of the texts.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        ...

    def decode_models(self, body: bytes) -> list[str]:
        """Return names of models.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        ...


def decode(body: bytes, body_type: type[S]) -> S:
    """Decode a response.

    Raises:
        ModelProtocolError: it is not JSON, or has another form.
    """
    try:
        return msgspec.json.decode(body, type=body_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = first_line(str(error))
        if b'"error"' in body[:_MAX_ERROR]:  # some servers report errors as a success
            reason = error_of(body)[0]
        raise ModelProtocolError(f"unreadable response: {reason}") from None


def text_of(arguments: str | dict[str, Any]) -> str:
    """Return the arguments of a tool call as JSON text; some servers send an object."""
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()


def token_count(value: object) -> int | None:
    """Return a number of tokens; None for anything that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MAX_TOKENS else None


def error_of(body: bytes) -> tuple[str, str]:
    """Return message and code of an error response, in whatever form it is written."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return first_line(body[:_WINDOW].decode(errors="replace")), ""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return first_line(str(error)), ""
    message = error.get("message") or error.get("detail") or ""
    code = error.get("code")
    if not isinstance(code, str) or code.isdigit():  # some servers repeat the status
        code = error.get("type") or ""
    return first_line(str(message)), str(code)[:MAX_NAME]


def first_line(text: str) -> str:
    """Return the beginning of a text of a server in one line; HTML pages lose their tags."""
    plain = re.sub(r"<[^<>]{0,200}>", " ", text[:_WINDOW])
    return redacted_start(" ".join(plain.split()), _MAX_ERROR)
