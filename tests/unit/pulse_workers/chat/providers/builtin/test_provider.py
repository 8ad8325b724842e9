"""The built-in provider."""

import pytest
from pulse_workers.chat.providers.builtin.embedding import DIMENSIONS
from pulse_workers.chat.providers.builtin.provider import MAX_CHARS, BuiltinProvider
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    JudgeInput,
    Provider,
    Reading,
    ReadRequest,
    SummaryRequest,
)
from pulse_workers.chat.records import ChatMessage
from pulse_workers.errors import ProviderRefusedError

from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message

provider: Provider = BuiltinProvider()
POLISH = chat_message("Dzień dobry, proszę o pomoc, nie jest dobrze")


async def read(messages: list[ChatMessage], language: str | None = None) -> Answer[Reading]:
    return await provider.read(ReadRequest(messages, {}, (), language, NOW))


async def test_the_provider_reports_its_model_and_token_usage() -> None:
    message = chat_message("We decided to roll back")
    answer = await provider.judge([JudgeInput(message, attachment_text="one two")])
    assert (answer.provider, answer.model) == ("builtin", "builtin-lexical")
    assert answer.usage.tokens_in == 7
    assert "llm" not in f"{provider.name} {provider.model}".lower()
    assert await provider.check() == ["builtin-lexical", f"builtin-hashing-{DIMENSIONS}"]
    assert Capability.SUMMARISE not in provider.capabilities


async def test_messages_that_cannot_be_judged_do_not_prevent_the_others() -> None:
    long, fine = chat_message("x" * (MAX_CHARS + 1)), chat_message("We decided to roll back")
    judged = (await provider.judge([JudgeInput(each) for each in (POLISH, fine, long)])).value
    assert [each.message_id for each in judged] == [POLISH.id, fine.id, long.id]
    assert [each.classification == "not_judged" for each in judged] == [True, False, True]
    assert judged[0].importance is None
    assert judged[0].reason == "neither English nor Ukrainian"
    assert judged[1].importance


async def test_unsupported_requests_are_refused() -> None:
    with pytest.raises(ProviderRefusedError, match="language 'pl'"):
        await read([chat_message("fine")], "pl")
    with pytest.raises(ProviderRefusedError, match="2 of 3 messages"):
        await read([POLISH, POLISH, chat_message("we are here")])
    with pytest.raises(ProviderRefusedError, match="characters"):
        await provider.embed(["x" * (MAX_CHARS + 1)])
    with pytest.raises(ProviderRefusedError, match="at most 500"):
        await read([chat_message("fine")] * 501)
    with pytest.raises(ProviderRefusedError, match="needs a language model"):
        await provider.summarise(SummaryRequest((), (), "", "", "en"))
