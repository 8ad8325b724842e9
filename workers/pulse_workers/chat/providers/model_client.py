"""The interface of model clients: completions with validated JSON, embeddings, names of models.

Agents depend on this protocol only. What a client raises is in `model_errors`.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

import msgspec

from pulse_workers.chat.providers.provider import Usage
from pulse_workers.chat.records import Vector

T = TypeVar("T")

MAX_RAW_TEXT: Final = 8_000
"""Characters that are kept of what a model wrote."""


class OutputMode(enum.Enum):
    """How a model is made to answer with JSON, the most reliable first."""

    JSON_SCHEMA = "json_schema"
    TOOL = "tool"
    PROMPT = "prompt"


@dataclasses.dataclass(frozen=True)
class ModelMessage:
    """A message of the conversation with a model."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclasses.dataclass(frozen=True)
class CompletionRequest(Generic[T]):
    """What a model is asked for.

    Attributes:
        model: name of the model.
        messages: the conversation; the first message has the instructions.
        schema: JSON Schema of the answer, an object without `$ref`, as `json_schema_of` makes it.
        schema_name: name of the schema, of letters, digits, `_` and `-`.
        validate: converts the decoded JSON. It raises ValueError with a text that tells the model
            what is wrong, such as that it cited an ID that it was not given.
        max_output_tokens: limit of the answer.
        temperature: randomness, 0 for the least.
        timeout_s: limit of one HTTP request in seconds, None for that of the provider.
    """

    model: str
    messages: tuple[ModelMessage, ...]
    schema: Mapping[str, Any]
    schema_name: str
    validate: Callable[[object], T]
    max_output_tokens: int = 2_048
    temperature: float = 0.0
    timeout_s: float | None = None


@dataclasses.dataclass(frozen=True)
class Completion(Generic[T]):
    """A valid answer of a model.

    Attributes:
        value: what `CompletionRequest.validate` returned.
        text: what the model wrote, at most `MAX_RAW_TEXT` characters.
        usage: tokens and cost of all rounds.
        model: model that answered, as named by the server.
        output_mode: how the answer was obtained.
        repairs: rounds in which the model was told what was wrong with its answer.
        usage_is_estimated: whether the server gave no plausible token counts.
    """

    value: T
    text: str
    usage: Usage
    model: str
    output_mode: OutputMode
    repairs: int = 0
    usage_is_estimated: bool = False


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """Unit vectors, shape (texts, dimensions).

    Attributes:
        vectors: one row per text.
        usage: tokens and cost.
        model: model that embedded, as named by the server.
    """

    vectors: Vector
    usage: Usage
    model: str


class ModelClient(Protocol):
    """A connection to the models of one provider."""

    @property
    def provider(self) -> str:
        """Name of the provider in the configuration."""
        ...

    async def complete(self, request: CompletionRequest[T]) -> Completion[T]:
        """Return a valid answer.

        Raises:
            InvalidAnswerError: no valid answer after two repairs; it keeps the raw text.
            ModelError: the model could not be asked, or refused.
        """
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one unit vector per text, in the order of the texts.

        Raises:
            ModelError: the model could not be asked, refused, or did not return vectors.
        """
        ...

    async def list_models(self) -> list[str]:
        """Return the names of the models that the server offers.

        Raises:
            ModelError: the server could not be asked, or refused.
        """
        ...


def json_schema_of(answer_type: type) -> dict[str, Any]:
    """Return the JSON Schema of a msgspec Struct in the form that servers enforce.

    References are resolved, every field is required, and no other fields are allowed.

    Raises:
        ValueError: the type contains itself.
    """
    schema = msgspec.json.schema(answer_type)
    inlined: dict[str, Any] = _inline(schema, schema.pop("$defs", {}), ())
    return inlined


def convert_answer(value: object, answer_type: type[T]) -> T:
    """Convert decoded JSON, for `CompletionRequest.validate`.

    Raises:
        ValueError: the value does not match the type; the text names the field.
    """
    try:
        return msgspec.convert(value, answer_type)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _inline(schema: Any, definitions: Mapping[str, Any], parents: tuple[str, ...]) -> Any:
    if isinstance(schema, list):
        return [_inline(item, definitions, parents) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name in parents:
            raise ValueError(f"{name} contains itself")
        return _inline(definitions[name], definitions, (*parents, name))
    inlined = {
        key: {name: _inline(each, definitions, parents) for name, each in value.items()}
        if key == "properties"
        else _inline(value, definitions, parents)
        for key, value in schema.items()
        if key != "default"
    }
    if "properties" in inlined:
        inlined["required"] = list(inlined["properties"])
        inlined["additionalProperties"] = False
    return inlined
