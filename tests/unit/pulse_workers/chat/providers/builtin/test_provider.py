"""The built-in provider."""

import pytest
from pulse_workers.chat.providers.builtin.embedding import DIMENSIONS
from pulse_workers.chat.providers.builtin.provider import MAX_CHARS, BuiltinProvider
from pulse_workers.chat.providers.model_errors import is_about_input
from pulse_workers.chat.providers.provider import (
    Answer,
    Extraction,
    ExtractionRequest,
    JudgeInput,
    SummaryRequest,
)
from pulse_workers.chat.records import ChatMessage
from pulse_workers.errors import ProviderRefusedError, TooManyMessagesError

from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message

provider = BuiltinProvider()
DECISION = "We decided to keep the keys for 72 hours"
FRENCH = chat_message("Bonjour, le nouveau contrat est dans la boîte, merci pour tout")


async def read(messages: list[ChatMessage], language: str | None = None) -> Answer[Extraction]:
    return await provider.extract(ExtractionRequest(messages, {}, (), language, NOW))


async def test_the_provider_reports_its_model_and_token_usage() -> None:
    message = chat_message("We decided to roll back")
    answer = await provider.classify([JudgeInput(message, attachment_text="one two")])
    assert (answer.provider, answer.model) == ("builtin", "builtin-lexical-4")
    assert answer.usage.tokens_in == 7
    assert "llm" not in f"{provider.name} {provider.model}".lower()
    assert await provider.check() == ["builtin-lexical-4", f"builtin-stems-{DIMENSIONS}"]


async def test_messages_that_cannot_be_judged_do_not_prevent_the_others() -> None:
    long, fine = chat_message("x" * (MAX_CHARS + 1)), chat_message("We decided to roll back")
    judged = (await provider.classify([JudgeInput(each) for each in (FRENCH, fine, long)])).value
    assert [each.message_id for each in judged] == [FRENCH.id, fine.id, long.id]
    assert [each.classification == "not_judged" for each in judged] == [True, False, True]
    assert judged[0].importance is None
    assert judged[0].reason == "written in none of the languages en, uk, ru, pl, de"
    assert judged[1].importance


async def test_unsupported_requests_are_refused() -> None:
    with pytest.raises(ProviderRefusedError, match="language 'fr'"):
        await read([chat_message("fine")], "fr")
    with pytest.raises(ProviderRefusedError, match="characters"):
        await provider.embed(["x" * (MAX_CHARS + 1)])
    with pytest.raises(TooManyMessagesError, match="at most 500") as caught:
        await read([chat_message("fine")] * 501)
    assert not is_about_input(caught.value)  # the messages are not refused for good


async def test_a_message_that_is_too_long_does_not_prevent_the_atoms_of_others() -> None:
    long, fine = chat_message("x" * (MAX_CHARS + 1)), chat_message(DECISION)
    answer = await read([long, fine])
    assert list(answer.errors) == [long.id]
    assert is_about_input(answer.errors[long.id])
    assert [each.evidence[0].message_id for each in answer.value.atoms] == [fine.id]
    with pytest.raises(ProviderRefusedError, match="20,001 characters"):
        await read([long])


async def test_an_alarm_in_an_unknown_language_is_judged_and_text_in_it_has_no_atoms() -> None:
    alarm = chat_message("[FIRING:1] le serveur est tombé, pas de réponse depuis une heure")
    (judgement,) = (await provider.classify([JudgeInput(alarm)])).value
    assert judgement.classification in {"weak_signal", "signal"}
    assert (await read([FRENCH, FRENCH])).value.atoms == ()


async def test_a_birthday_wish_has_no_atoms() -> None:
    wish = chat_message("З днем народження! Щастя і жодних проблем, а якщо що — ми поруч 🎂")
    assert (await read([wish])).value.atoms == ()


async def test_judging_twice_gives_the_same_judgement() -> None:
    message = chat_message("We decided to roll back")
    first, again = [(await provider.classify([JudgeInput(message)])).value for _ in range(2)]
    assert first == again


async def test_a_summary_lists_atoms_by_type_with_their_messages() -> None:
    messages = [
        chat_message("We decided to keep the keys for 72 hours"),
        chat_message("Who is responsible for refunds above 500 dollars, support or finance?"),
        chat_message("If the certificate expires on Sunday, nobody will notice until morning"),
    ]
    atoms = (await read(messages)).value.atoms
    summary = (await provider.summarise(SummaryRequest(messages, atoms, "", "", "en"))).value
    assert [item.message_ids for item in summary.decisions] == [(messages[0].id,)]
    assert [item.message_ids for item in summary.open_questions] == [(messages[1].id,)]
    assert [item.text for item in summary.risks] == [messages[2].content]
    assert summary.waiting == ()
