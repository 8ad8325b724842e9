"""Model clients for tests, connected to the scripted server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from pulse_workers.chat.providers.http.client import HttpModelClient
from pulse_workers.chat.providers.http.limits import Limits, SharedLimits
from pulse_workers.chat.providers.http.ollama import OllamaFormat
from pulse_workers.chat.providers.http.openai import OpenAIFormat
from pulse_workers.chat.providers.http.prices import Price, PriceList
from pulse_workers.chat.providers.http.transport import Transport
from pulse_workers.chat.providers.model_client import (
    CompletionRequest,
    ModelMessage,
    convert_answer,
    json_schema_of,
)
from pulse_workers.chat.shared_state import LocalState, SharedState

from tests.kit.model_server import ModelServer


class Verdict(msgspec.Struct, frozen=True):
    """An answer of the model."""

    message_id: str
    importance: float


class Verdicts(msgspec.Struct, frozen=True):
    """The answer to `verdict_request`."""

    verdicts: list[Verdict]


VERDICTS = {"verdicts": [{"message_id": "1", "importance": 0.5}]}


def verdict_request(
    model: str = "small", check: Callable[[Verdicts], None] | None = None, **more: Any
) -> CompletionRequest[Verdicts]:
    """Ask for verdicts; `check` may raise ValueError."""

    def validate(value: object) -> Verdicts:
        verdicts = convert_answer(value, Verdicts)
        if check is not None:
            check(verdicts)
        return verdicts

    messages = (ModelMessage("system", "Judge."), ModelMessage("user", "[1] PROD is down"))
    return CompletionRequest(
        model, messages, json_schema_of(Verdicts), "verdicts", validate, **more
    )


@asynccontextmanager
async def open_client(
    server: ModelServer | str,
    protocol: str = "openai",
    *,
    state: SharedState | None = None,
    limits: Limits | None = None,
    prices: dict[str, Price] | None = None,
    timeout_s: float = 10.0,
    **more: Any,
) -> AsyncIterator[HttpModelClient]:
    """Yield a client of a server, or of one at a URL, with short waits between attempts."""
    url = server if isinstance(server, str) else server.url
    if protocol == "openai":
        url += "/v1"
    shared = SharedLimits("test", limits or Limits(), state or LocalState())
    client = HttpModelClient(
        "test",
        OpenAIFormat() if protocol == "openai" else OllamaFormat(),
        Transport(url, None, shared, timeout_s=timeout_s, first_backoff_s=0.01, **more),
        shared,
        PriceList(url, prices),
    )
    try:
        yield client
    finally:
        await client.close()
