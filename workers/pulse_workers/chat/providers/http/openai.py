"""The wire format of OpenAI, which most servers of language models speak."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pulse_workers.chat.providers.http.wire_format import (
    MAX_MODELS,
    MAX_NAME,
    TOOL_DESCRIPTION,
    RawAnswer,
    RawEmbeddings,
    TokenCounts,
    decode,
    text_of,
    token_count,
)
from pulse_workers.chat.providers.model_client import CompletionRequest, ModelMessage, OutputMode
from pulse_workers.chat.providers.model_errors import ModelProtocolError


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str | dict[str, Any] = ""  # some servers do not encode the arguments again


class _ToolCall(msgspec.Struct):
    function: _Function


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: Any = None


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int


class _Embeddings(msgspec.Struct):
    data: list[_Row]
    model: str | None = None
    usage: Any = None


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model] | None


class OpenAIFormat:
    """Chat completions, embeddings and models below a base URL that ends with `/v1`.

    Attributes:
        limit_field: name of the field with the limit of output tokens. Reasoning models of OpenAI
            accept `max_completion_tokens` only, other servers often `max_tokens` only.
    """

    completion_path = "/chat/completions"
    embedding_path = "/embeddings"
    models_path = "/models"

    def __init__(self, limit_field: str = "max_tokens") -> None:
        self.limit_field = limit_field

    def encode_completion(
        self,
        request: CompletionRequest[Any],
        messages: Sequence[ModelMessage],
        mode: OutputMode,
    ) -> dict[str, Any]:
        """Return the body of a request; `messages` replace those of the request."""
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": each.role, "content": each.text} for each in messages],
            self.limit_field: request.max_output_tokens,
            "temperature": request.temperature,
        }
        if self.limit_field == "max_completion_tokens":
            del body["temperature"]  # reasoning models refuse it
        if mode is OutputMode.JSON_SCHEMA:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": request.schema_name,
                    "schema": request.schema,
                    "strict": True,
                },
            }
        elif mode is OutputMode.TOOL:
            function = {
                "name": request.schema_name,
                "description": TOOL_DESCRIPTION,
                "parameters": request.schema,
            }
            body["tools"] = [{"type": "function", "function": function}]
            body["tool_choice"] = {"type": "function", "function": {"name": request.schema_name}}
        return body

    def decode_completion(self, body: bytes, mode: OutputMode) -> RawAnswer:
        """Return the answer of a model, whichever way it came.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        completion = decode(body, _Completion)
        if not completion.choices:
            raise ModelProtocolError("the response has no choices")
        choice = completion.choices[0]
        text = choice.message.content or ""
        if mode is OutputMode.TOOL and choice.message.tool_calls:
            text = text_of(choice.message.tool_calls[0].function.arguments)
        return RawAnswer(
            text=text,
            model=(completion.model or "")[:MAX_NAME],
            counts=_counts(completion.usage),
            is_cut=choice.finish_reason == "length",
            refusal=choice.message.refusal or "",
        )

    def encode_embedding(self, model: str, texts: Sequence[str]) -> dict[str, Any]:
        """Return the body of a request for vectors."""
        return {"model": model, "input": list(texts), "encoding_format": "float"}

    def decode_embeddings(self, body: bytes) -> RawEmbeddings:
        """Return vectors in the order of the texts; servers may return them in another one.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        found = decode(body, _Embeddings)
        rows = sorted(found.data, key=lambda row: row.index)
        if [row.index for row in rows] != list(range(len(rows))):
            raise ModelProtocolError("the indexes of the vectors are not those of the texts")
        return RawEmbeddings(
            [row.embedding for row in rows], (found.model or "")[:MAX_NAME], _counts(found.usage)
        )

    def decode_models(self, body: bytes) -> list[str]:
        """Return names of models.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        return [model.id[:MAX_NAME] for model in (decode(body, _Models).data or ())[:MAX_MODELS]]


def _counts(usage: Any) -> TokenCounts:
    if not isinstance(usage, dict):
        return TokenCounts()
    return TokenCounts(
        token_count(usage.get("prompt_tokens")), token_count(usage.get("completion_tokens"))
    )
