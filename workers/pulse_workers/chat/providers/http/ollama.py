"""The wire format of Ollama's own API, which offers more than its OpenAI-compatible one."""

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


class _Function(msgspec.Struct):
    arguments: dict[str, Any] | str = ""


class _ToolCall(msgspec.Struct):
    function: _Function


class _Message(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Chat(msgspec.Struct):
    message: _Message
    model: str = ""
    done_reason: str | None = None
    prompt_eval_count: Any = None
    eval_count: Any = None


class _Embed(msgspec.Struct):
    embeddings: list[list[float]]
    model: str = ""
    prompt_eval_count: Any = None


class _Model(msgspec.Struct):
    name: str


class _Tags(msgspec.Struct):
    models: list[_Model] | None


class OllamaFormat:
    """Chat, embeddings and tags below the base URL of an Ollama server.

    Attributes:
        context_tokens: size of the context window, None for the server's default. Ollama cuts
            what is longer without an error.
    """

    completion_path = "/api/chat"
    embedding_path = "/api/embed"
    models_path = "/api/tags"

    def __init__(self, context_tokens: int | None = None) -> None:
        self.context_tokens = context_tokens

    def encode_completion(
        self,
        request: CompletionRequest[Any],
        messages: Sequence[ModelMessage],
        mode: OutputMode,
    ) -> dict[str, Any]:
        """Return the body of a request; `messages` replace those of the request."""
        options = {"temperature": request.temperature, "num_predict": request.max_output_tokens}
        if self.context_tokens is not None:
            options["num_ctx"] = self.context_tokens
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": each.role, "content": each.text} for each in messages],
            "stream": False,
            "options": options,
        }
        if mode is OutputMode.JSON_SCHEMA:
            body["format"] = request.schema
        elif mode is OutputMode.TOOL:
            function = {
                "name": request.schema_name,
                "description": TOOL_DESCRIPTION,
                "parameters": request.schema,
            }
            body["tools"] = [{"type": "function", "function": function}]
        return body

    def decode_completion(self, body: bytes, mode: OutputMode) -> RawAnswer:
        """Return the answer of a model, whichever way it came.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        chat = decode(body, _Chat)
        text = chat.message.content or ""
        if mode is OutputMode.TOOL and chat.message.tool_calls:
            text = text_of(chat.message.tool_calls[0].function.arguments)
        return RawAnswer(
            text=text,
            model=chat.model[:MAX_NAME],
            counts=TokenCounts(token_count(chat.prompt_eval_count), token_count(chat.eval_count)),
            is_cut=chat.done_reason == "length",
        )

    def encode_embedding(self, model: str, texts: Sequence[str]) -> dict[str, Any]:
        """Return the body of a request for vectors. A text that is too long is an error."""
        return {"model": model, "input": list(texts), "truncate": False}

    def decode_embeddings(self, body: bytes) -> RawEmbeddings:
        """Return vectors in the order of the texts.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        found = decode(body, _Embed)
        return RawEmbeddings(
            found.embeddings,
            found.model[:MAX_NAME],
            TokenCounts(token_count(found.prompt_eval_count), 0),
        )

    def decode_models(self, body: bytes) -> list[str]:
        """Return names of models.

        Raises:
            ModelProtocolError: the body is not what the protocol says.
        """
        return [tag.name[:MAX_NAME] for tag in (decode(body, _Tags).models or ())[:MAX_MODELS]]
