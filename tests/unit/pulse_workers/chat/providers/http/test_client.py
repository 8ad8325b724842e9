"""The model client, in both protocols, against a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from pulse_workers.chat.providers.http.client import MAX_SLIPS
from pulse_workers.chat.providers.http.prices import Price
from pulse_workers.chat.providers.model_client import OutputMode
from pulse_workers.chat.providers.model_errors import (
    InvalidAnswerError,
    ModelError,
    ModelProtocolError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from pulse_workers.chat.shared_state import LocalState

from tests.kit.model_clients import (
    VERDICTS,
    Verdicts,
    open_client,
    verdict_request,
)
from tests.kit.model_server import PROMPT, TOOL, ModelServer, Reply

PROTOCOLS = ("openai", "ollama")


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_answer_is_valid_priced_and_obtained_with_a_schema(
    server: ModelServer, protocol: str
) -> None:
    server.script = [Reply(VERDICTS, usage=(200, 50))]
    async with open_client(server, protocol, prices={"small": Price(1.0, 10.0)}) as client:
        completion = await client.complete(verdict_request())
    assert completion.value.verdicts[0].importance == 0.5
    assert completion.output_mode is OutputMode.JSON_SCHEMA
    assert (completion.usage.tokens_in, completion.usage.tokens_out) == (200, 50)
    assert completion.usage.cost_usd == pytest.approx(0.0007)
    assert (completion.model, completion.repairs) == ("small", 0)
    (request,) = server.requests
    assert request.protocol == protocol
    assert request.schema is not None
    assert request.schema["additionalProperties"] is False
    assert request.schema["properties"]["verdicts"]["items"]["required"] == [
        "message_id",
        "importance",
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("mode", [TOOL, PROMPT])
async def test_a_server_without_schemas_is_asked_in_the_next_mode_which_is_remembered(
    server: ModelServer, protocol: str, mode: str
) -> None:
    server.modes = {mode}
    server.script = [Reply(VERDICTS), Reply(VERDICTS)]
    state = LocalState()
    async with open_client(server, protocol, state=state) as client:
        first = await client.complete(verdict_request())
        before = len(server.requests)
        second = await client.complete(verdict_request())
    assert first.output_mode.value == second.output_mode.value == mode
    assert first.repairs == 0
    assert len(server.requests) == before + 1
    assert first.usage.cost_usd is None


async def test_a_server_that_accepts_schemas_and_ignores_them_is_found_out(
    server: ModelServer,
) -> None:
    server.ignores_schema = True
    server.script = [Reply(), Reply(), Reply(VERDICTS)]
    async with open_client(server) as client:
        completion = await client.complete(verdict_request())
    assert completion.output_mode is OutputMode.PROMPT
    assert [request.output_mode for request in server.requests] == ["json_schema", TOOL, PROMPT]


async def test_one_answer_without_json_is_no_reason_to_remember_a_worse_mode(
    server: ModelServer,
) -> None:
    state = LocalState()
    async with open_client(server, state=state) as client:

        async def slip() -> OutputMode:
            server.script = [Reply(text="BANANA"), Reply(VERDICTS)]
            return (await client.complete(verdict_request())).output_mode

        async def first_mode() -> str:
            before = len(server.requests)
            server.script = [Reply(VERDICTS)]
            await client.complete(verdict_request())
            return server.requests[before].output_mode

        assert await slip() is OutputMode.TOOL
        assert await first_mode() == "json_schema"
        for _request in range(MAX_SLIPS):
            assert await slip() is OutputMode.TOOL
        assert await first_mode() == TOOL


async def test_a_wrong_answer_is_repaired_with_its_error(server: ModelServer) -> None:
    def check(verdicts: Verdicts) -> None:
        if verdicts.verdicts[0].message_id != "1":
            raise ValueError("message_id 77 was not given; the given ones are: 1")

    wrong = {"verdicts": [{"message_id": "77", "importance": 1}]}
    server.script = [Reply(wrong, usage=(100, 20)), Reply(VERDICTS, usage=(150, 20))]
    async with open_client(server) as client:
        completion = await client.complete(verdict_request(check=check))
    assert completion.repairs == 1
    assert (completion.usage.tokens_in, completion.usage.tokens_out) == (250, 40)
    assert "message_id 77 was not given" in server.requests[1].messages[-1]
    assert "77" in server.requests[1].messages[-2]


async def test_after_two_repairs_the_raw_answer_is_kept(server: ModelServer) -> None:
    server.always = Reply(text='{"verdicts": "none" }' + " " * 100_000, usage=(100, 20))
    async with open_client(server) as client:
        with pytest.raises(InvalidAnswerError) as raised:
            await client.complete(verdict_request())
    assert len(server.requests) == 3
    assert raised.value.text.startswith('{"verdicts": "none" }')
    assert len(raised.value.text) == 8_000
    assert "Expected `array`" in raised.value.reason
    assert raised.value.usage.tokens_in == 300


async def test_an_answer_that_was_cut_is_not_repaired(server: ModelServer) -> None:
    server.script = [Reply(text='{"verdicts": [{"mess', is_cut=True)]
    async with open_client(server) as client:
        with pytest.raises(InvalidAnswerError, match="cut at 2048 tokens"):
            await client.complete(verdict_request())


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"verdicts": []}\n```',
        '<think>maybe {"verdicts": 1}?</think>\n{"verdicts": []}',
        'Here you are: {"verdicts": []} I hope it helps.',
        '\ufeff {"verdicts": []}',
    ],
)
async def test_json_is_found_in_what_surrounds_it(server: ModelServer, text: str) -> None:
    server.script = [Reply(text=text)]
    async with open_client(server) as client:
        assert (await client.complete(verdict_request())).value == Verdicts([])


@pytest.mark.parametrize("usage", ["absent", (-5, 10), (10**12, 3), ("many", None), (0, 0)])
async def test_implausible_token_counts_are_replaced_by_an_estimate(
    server: ModelServer, usage: object
) -> None:
    server.script = [Reply(VERDICTS, usage=usage)]
    async with open_client(server) as client:
        completion = await client.complete(verdict_request())
    assert completion.usage_is_estimated
    assert 10 < completion.usage.tokens_in < 1_000
    assert 0 < completion.usage.tokens_out < 100


@pytest.mark.parametrize(
    "reply",
    [
        Reply.failing(500),
        Reply.failing(503, headers={"retry-after": "0"}),
        Reply.failing(408),
        Reply.failing(409),
        Reply.rate_limited(retry_after_ms="5"),
        Reply(close=True),
        Reply(cut_body=True),
    ],
)
async def test_what_may_be_over_soon_is_tried_again(server: ModelServer, reply: Reply) -> None:
    server.script = [reply, reply, Reply(VERDICTS)]
    async with open_client(server) as client:
        assert (await client.complete(verdict_request())).value.verdicts
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (Reply.failing(500, "<html><b>oh</b> no"), ModelUnavailableError, "HTTP 500 .*: oh no"),
        (Reply.rate_limited(), ModelRateLimitedError, "HTTP 429"),
    ],
)
async def test_attempts_are_limited(
    server: ModelServer, reply: Reply, error: type[ModelError], text: str
) -> None:
    server.always = reply
    async with open_client(server) as client:
        with pytest.raises(error, match=text):
            await client.complete(verdict_request())
    assert len(server.requests) == 4


async def test_a_long_retry_after_is_left_to_the_caller(server: ModelServer) -> None:
    server.script = [Reply.rate_limited(retry_after="3600")]
    async with open_client(server) as client:
        with pytest.raises(ModelRateLimitedError) as raised:
            await client.complete(verdict_request())
    assert raised.value.retry_after_s == 3600


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (Reply.failing(401, "no key"), ModelRefusedError, "HTTP 401 from http://.*: no key"),
        (Reply.failing(404, "no such model"), ModelRefusedError, "no such model"),
        (Reply.failing(400, "too long", code="context_length_exceeded"), ModelRefusedError, "long"),
        (Reply.failing(429, "pay", code="insufficient_quota"), ModelRefusedError, "pay"),
        (Reply.malformed(), ModelProtocolError, "unreadable response"),
        (Reply(body=b'{"error": {"message": "out of memory"}}'), ModelProtocolError, "out of mem"),
        (Reply(body=b'{"choices": []}'), ModelProtocolError, "no choices"),
        (Reply(body=b"[" * 100_000), ModelProtocolError, "unreadable response"),
        (Reply.huge(9 << 20), ModelProtocolError, "larger than 8,388,608 bytes"),
        (Reply.redirecting("http://127.0.0.1:1/steal"), ModelProtocolError, "redirects"),
    ],
    ids=lambda value: getattr(value, "error", None) and None,
)
async def test_what_will_not_change_is_not_tried_again(
    server: ModelServer, reply: Reply, error: type[ModelError], text: str
) -> None:
    server.script = [reply]
    async with open_client(server) as client:
        with pytest.raises(error, match=text):
            await client.complete(verdict_request())
    assert len(server.requests) == 1


@pytest.mark.parametrize("reply", [Reply(hold=asyncio.Event()), Reply(VERDICTS, drip=0.05)])
async def test_a_slow_server_is_given_up_after_the_time_out(
    server: ModelServer, reply: Reply
) -> None:
    server.script = [reply]
    async with open_client(server, timeout_s=0.3) as client:
        with pytest.raises(ModelUnavailableError, match=r"did not answer within 0\.3 s"):
            await client.complete(verdict_request())
    assert len(server.requests) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    async with ModelServer() as server:
        pass
    async with open_client(server) as client:
        with pytest.raises(ModelUnavailableError, match=r"127\.0\.0\.1:\d+/v1 cannot be reached"):
            await client.complete(verdict_request())


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_vectors_have_length_one_and_the_order_of_the_texts(
    server: ModelServer, protocol: str
) -> None:
    texts = [f"message {number}" for number in range(70)] + ["message 3"]
    async with open_client(server, protocol) as client:
        embeddings = await client.embed("embedder", texts)
    assert embeddings.vectors.shape == (71, 16)
    assert embeddings.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(embeddings.vectors, axis=1), 1)
    assert np.allclose(embeddings.vectors[3], embeddings.vectors[70])
    assert embeddings.usage.tokens_in > 70
    assert [len(request.body["input"]) for request in server.requests] == [64, 7]


@pytest.mark.parametrize(
    ("vectors", "text"),
    [
        ([[1.0, 0.0]], "1 vectors for 2 texts"),
        ([[1.0, 0.0], [1.0]], "different lengths"),
        ([[0.0, 0.0], [1.0, 0.0]], "empty or infinite"),
        ([[], []], "empty or infinite"),
    ],
)
async def test_wrong_vectors_are_refused(
    server: ModelServer, vectors: list[list[float]], text: str
) -> None:
    server.script = [Reply(vectors=vectors)]
    async with open_client(server) as client:
        with pytest.raises(ModelProtocolError, match=text):
            await client.embed("embedder", ["one", "two"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_models_are_listed(server: ModelServer, protocol: str) -> None:
    async with open_client(server, protocol) as client:
        assert await client.list_models() == ["small", "large", "embedder"]
