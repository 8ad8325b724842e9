"""The built-in provider."""

import pytest
from pulse_workers.chat.providers.builtin.embedding import DIMENSIONS
from pulse_workers.chat.providers.builtin.provider import MAX_CHARS, BuiltinProvider
from pulse_workers.errors import ProviderRefusedError

from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message

provider = BuiltinProvider()


def test_the_provider_reports_its_model_and_token_usage() -> None:
    result = provider.score(chat_message("We decided to roll back"), [], "one two", NOW)
    assert result.score.model == "builtin-lexical"
    assert result.usage.tokens_in == 7
    assert "llm" not in f"{provider.name} {provider.model}".lower()
    assert provider.check() == ["builtin-lexical", f"builtin-hashing-{DIMENSIONS}"]


def test_unsupported_input_is_refused() -> None:
    polish = chat_message("Dzień dobry, proszę o pomoc, nie jest dobrze")
    with pytest.raises(ProviderRefusedError, match="neither English nor Ukrainian"):
        provider.score(polish, [], "", NOW)
    with pytest.raises(ProviderRefusedError, match="language 'pl'"):
        provider.extract([chat_message("fine")], "pl", NOW)
    with pytest.raises(ProviderRefusedError, match="2 of 3 messages"):
        provider.extract([polish, polish, chat_message("we are here")], None, NOW)
    with pytest.raises(ProviderRefusedError, match="characters"):
        provider.embed(["x" * (MAX_CHARS + 1)])
    with pytest.raises(ProviderRefusedError, match="at most 500"):
        provider.extract([chat_message("fine")] * 501, None, NOW)
