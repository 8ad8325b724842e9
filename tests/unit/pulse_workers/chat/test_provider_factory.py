"""Providers made from a configuration: their keys, and what `pulse-worker check` says of them."""

import contextlib
from pathlib import Path

from pulse_workers.chat.provider_factory import check_providers, make_providers
from pulse_workers.chat.providers.provider import Capability, JudgeInput
from pulse_workers.chat.shared_state import LocalState
from pulse_workers.config.settings import Settings
from pydantic import SecretStr

from tests.kit.model_clients import verdict_request
from tests.kit.model_server import ModelServer, Reply
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message


async def results(settings: Settings) -> list[tuple[str, str]]:
    return [(each.status, each.detail) async for each in check_providers(settings)]


async def test_a_key_of_the_settings_is_sent_to_the_server_of_the_settings() -> None:
    async with ModelServer(key="sk-from-settings") as server:
        settings = Settings(
            model_url=server.openai_url, model="small", model_key=SecretStr("sk-from-settings")
        )
        providers = make_providers(settings, LocalState(), {})
        server.script = [Reply({"verdicts": []})]
        completion = await providers.clients["default"].complete(verdict_request())
        await providers.aclose()
    assert completion.value.verdicts == []
    assert "sk-from-settings" not in repr(providers)
    assert "sk-from-settings" not in repr(settings)


async def test_a_check_names_models_or_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "providers.toml"
    async with ModelServer() as server:
        file.write_text(
            f"""
            [providers.good]
            url = "{server.openai_url}"
            [providers.locked]
            url = "{server.openai_url}"
            key_file = "none"
            """
        )
        good, locked = await results(Settings(providers_file=str(file)))
    assert good[0] == "ok"
    assert good[1].startswith("good answered within ")
    assert good[1].endswith("small, large, embedder")
    assert locked[0] == "problem"
    assert f"key_file='{tmp_path / 'none'}': expected a readable file" in locked[1]


async def test_a_good_check_makes_a_provider_available_again(tmp_path: Path) -> None:
    file = tmp_path / "providers.toml"
    async with ModelServer() as server:
        file.write_text(
            f"""
            [providers.own]
            url = "{server.openai_url}"
            [agents.classification]
            provider = "own"
            model = "small"
            fallback = [{{provider = "builtin"}}]
            """
        )
        providers = make_providers(Settings(providers_file=str(file)), LocalState(), {})
        server.script = [Reply.failing(401, "wrong key")]
        async with contextlib.aclosing(providers):
            answer = await providers.provider.classify([JudgeInput(chat_message("we roll back"))])
            assert answer.fallback is not None
            assert not providers.provider.version(Capability.CLASSIFY).is_available
            for check in providers.checks:
                await check.check()
            assert providers.provider.version(Capability.CLASSIFY).is_available


async def test_without_configured_providers_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert await results(Settings()) == []
    missing = Settings(providers_file=str(tmp_path / "none"))
    ((status, detail),) = await results(missing)
    assert status == "problem"
    assert "expected a readable file" in detail
