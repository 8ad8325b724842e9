"""The built-in provider does real work, explains it, and refuses what it cannot do."""

import itertools

import numpy as np
import pytest
from pulse_workers.chat.providers.atoms import atoms_in
from pulse_workers.chat.providers.builtin import MAX_CHARS, BuiltinProvider
from pulse_workers.chat.providers.embedding import DIMENSIONS, embed_texts
from pulse_workers.chat.providers.key_phrases import key_phrases
from pulse_workers.chat.providers.scoring import (
    WEIGHTS,
    classify,
    factors_of,
    importance,
)
from pulse_workers.chat.providers.text import (
    language_of,
    sentences,
    token_count,
    words,
)
from pulse_workers.chat.providers.topics import conversations
from pulse_workers.chat.records import Attachment, ChatMessage
from pulse_workers.errors import ProviderRefusedError

from pulse_desktop.protocol.topics import ATOM_TYPES

NOW = 1_790_100_000.0
SENT = "2026-09-21T14:13:20+00:00"
provider = BuiltinProvider()
numbers = itertools.count(1)


def said(content: str, **more: object) -> ChatMessage:
    number = next(numbers)
    fields = {"author": "Olena", "author_id": "1", "sent_at": SENT, "source_name": "team"}
    return ChatMessage(
        id=f"9.{number}", external_message_id=f"9.{number}", content=content, **{**fields, **more}
    )  # type: ignore[arg-type]


def score(message: ChatMessage, *context: ChatMessage) -> float:
    return importance(factors_of(message, context, "", NOW))


# text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The queue is slow and we should look at it", "en"),
        ("Черга повільна, треба подивитися", "uk"),
        ("deploy пройшов, але p99 виріс", "uk"),
        ("Почему очередь опять не работает? Это уже третий раз", "other"),
        ("Dzień dobry, proszę o pomoc, nie jest dobrze", "other"),
        ("Guten Tag, die Schlange ist nicht schnell und wir warten", "other"),
        ("行列が遅いので調べてください", "other"),
        ("ok", "en"),
        ("👍👍", None),
        ("", None),
        ("https://example.org/a?b=c", None),
        ("```\nwir sind nicht das und die\n```", None),
    ],
)
def test_languages_are_told_apart(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_words_keep_apostrophes_and_numbers() -> None:
    assert words("Кур'єр, don't: 12.5 ms!") == ["кур'єр", "don't", "12.5", "ms"]
    assert token_count("Кур'єр, don't: 12.5 ms!") == 4


def test_sentences_end_at_marks_and_lines_but_not_inside_numbers() -> None:
    text = "Done at 4.18. Next: tests!\n- one thing\n2. друга річ… Кінець"
    assert sentences(text) == ["Done at 4.18.", "Next: tests!", "one thing", "друга річ…", "Кінець"]


# scoring


def test_weights_sum_to_one_and_every_factor_stays_between_0_and_1() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    rich = said(
        "We decided: root cause is a timeout of 30 s in 4 of 10 pods? must fix, see `code`",
        links=("https://example.org",),
        mentions=("@a",),
        has_code=True,
        reply_to="9.0",
        attachments=(Attachment("files/a.log"),),
    )
    for message in (rich, said(""), said("ok"), said("слово " * 5000)):
        factors = factors_of(message, [said("other")] * 3, "log", NOW)
        assert factors.keys() == WEIGHTS.keys()
        assert all(0.0 <= value <= 1.0 for value in factors.values())
        assert 0.0 <= importance(factors) <= 1.0
    assert score(rich) > 0.6


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("Виявилось, причина була в пулі з'єднань, таймаут 30 с", "ну так, бувало і гірше колись"),
        (
            "We decided to roll back release 4.17 because of the timeout",
            "lunch at noon, usual",
        ),
        ("Чому падає платіжна черга після релізу?", "гарний день сьогодні надворі, еге"),
    ],
)
def test_what_says_something_scores_more_than_small_talk(more: str, less: str) -> None:
    assert score(said(more)) > score(said(less)) > score(said("ок"))


def test_repeating_what_was_just_said_scores_less() -> None:
    text = "the payment queue fails with a timeout"
    fresh, repeated = (
        factors_of(said(text), [], "", NOW),
        factors_of(said(text), [said(text)], "", NOW),
    )
    assert fresh["uniqueness"] == 1.0
    assert repeated["uniqueness"] == 0.0


def test_recency_is_measured_from_the_time_given() -> None:
    message = said("text")
    sent = 1_789_999_999 + 1
    assert factors_of(message, [], "", sent)["recency"] == 1.0
    assert factors_of(message, [], "", sent + 14 * 86_400)["recency"] == 0.5
    assert factors_of(said("x", sent_at=""), [], "", NOW)["recency"] == 0.0


def test_thresholds_divide_noise_weak_signal_and_signal() -> None:
    assert [classify(s) for s in (0.0, 0.299, 0.3, 0.6, 0.601)] == [
        "noise",
        "noise",
        "weak_signal",
        "weak_signal",
        "signal",
    ]


# embedding


def test_vectors_have_length_one_and_do_not_change() -> None:
    vectors = embed_texts(["the payment queue", "платіжна черга", ""])
    assert vectors.shape == (3, DIMENSIONS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 0.0])
    assert np.array_equal(vectors, embed_texts(["the payment queue", "платіжна черга", ""]))


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("payment queue fails", "the queue of payments failed", "lunch at noon tomorrow"),
        ("платіжна черга падає", "черги платежів впали", "обід о дванадцятій"),
    ],
)
def test_texts_that_share_word_forms_are_nearer(text: str, near: str, far: str) -> None:
    one, two, three = embed_texts([text, near, far])
    assert float(one @ two) > float(one @ three) + 0.1


def test_no_text_gives_no_vectors() -> None:
    assert provider.embed([]).vectors.shape == (0, DIMENSIONS)


# atoms, key phrases, topics


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("problem", "The payment queue does not work after the release"),
        ("problem", "Платіжна черга не працює після релізу"),
        ("solution", "Fixed by raising the pool size to forty connections"),
        ("solution", "Полагодила: збільшила пул з'єднань до сорока"),
        ("decision", "We decided to keep the keys for 72 hours"),
        ("decision", "Вирішили тримати ключі ідемпотентності три доби"),
        ("question", "How often does a customer press the button twice?"),
        ("question", "Як часто клієнт натискає кнопку двічі?"),
        ("insight", "Turns out the certificate was renewed but never loaded"),
        ("insight", "Виявилось, сертифікат оновили, але не завантажили"),
        ("idea", "What if the board remembers the ids by itself?"),
        ("idea", "Пропоную зберігати ідентифікатори на самій платі"),
        ("blocker", "We are blocked by the missing firmware for revision C"),
        ("blocker", "Це блокує всі UI-тести застосунку вже тиждень"),
        ("risk", "The risk: the code is visible to anybody near the screen"),
        ("risk", "Є ризик, що таблиця заблокується на дві секунди"),
        ("requirement", "After that the photos must be removed from all backups"),
        ("requirement", "Обов'язково видалити фото з усіх резервних копій"),
    ],
)
def test_atoms_are_found_by_their_wording_with_evidence(kind: str, text: str) -> None:
    message = said(f"Доброго ранку. {text}")
    (atom,) = atoms_in([message], None, model="m", now=NOW)
    assert atom.type == kind
    assert atom.type in ATOM_TYPES
    assert atom.evidence[0].message_id == message.id
    assert atom.evidence[0].sentence == text
    assert 0.4 < atom.confidence <= 1.0
    assert atom.language == ("en" if text.isascii() else "uk")


def test_small_talk_code_and_links_hold_no_atoms() -> None:
    talk = [said(text) for text in ("ok", "дякую!", "lunch?", "`must fail`", "https://x.org/risk")]
    assert atoms_in(talk, None, model="m", now=NOW) == []


@pytest.mark.parametrize(
    "text",
    [
        "4.20 live at 10 %, two thousand people used it, crash-free 99.80 %, best number so far",
        "released to all regions, writes go to the new table, errors 0 since midnight",
        "The whole evening passed with 0 errors on all three clusters",
        "The migration went through without any problem on the replica",
        "Реліз пройшов без помилок на всіх трьох кластерах",
    ],
)
def test_bad_news_that_is_denied_is_none(text: str) -> None:
    found = atoms_in([said(text)], None, model="m", now=NOW)
    assert not {"problem", "blocker", "risk"} & {atom.type for atom in found}


@pytest.mark.parametrize(
    "text",
    ["error rate 0.5 % since the release", "errors: 12 in the last ten minutes", "10 errors today"],
)
def test_numbers_that_deny_nothing_leave_bad_news(text: str) -> None:
    (atom,) = atoms_in([said(f"{text} on the payment cluster")], None, model="m", now=NOW)
    assert atom.type == "problem"


def test_a_cue_says_less_about_a_long_sentence() -> None:
    short = "The payment queue does not work after the release"
    words = " ".join(f"service{number}" for number in range(30))
    (plain,) = atoms_in([said(short)], None, model="m", now=NOW)
    (long,) = atoms_in([said(f"{short} {words}")], None, model="m", now=NOW)
    assert long.confidence < plain.confidence


def test_the_same_sentence_is_the_same_atom() -> None:
    one = atoms_in([said("We decided to keep the keys for 72 hours.")], None, model="m", now=1.0)
    two = atoms_in([said("we DECIDED to keep the keys for 72 hours")], None, model="m", now=2.0)
    assert one[0].id == two[0].id


def test_key_phrases_recur_and_come_strongest_first() -> None:
    texts = [
        "the payment queue is slow again",
        "payment queue: 40 s, the pool is full",
        "who owns the payment queue",
        "lunch",
    ]
    assert key_phrases(texts)[0] == "payment queue"
    assert key_phrases(["nothing recurs", "in these", "three texts"]) == []
    assert key_phrases([]) == []


def test_words_that_name_no_topic_by_themselves_are_no_key_phrase() -> None:
    assert key_phrases(["remove it please", "remove that", "рядки", "ці рядки"]) == []
    assert key_phrases(["remove stale rows", "remove stale rows"]) != []


def test_conversations_follow_replies_and_authors_that_go_on() -> None:
    a = said("question about the queue")
    b = said("lunch", author_id="2")
    c = said("answer", author_id="3", reply_to=a.id)
    d = said("and one more thing", author_id="3")
    assert conversations([a, b, c, d]) == [[0, 2, 3], [1]]


def test_a_conversation_becomes_a_topic_and_the_next_one_joins_it() -> None:
    first = said("The payment queue is slow since the release, timeouts in every second pod")
    talk = [
        first,
        said(
            "payment queue pool has forty connections, all busy", author_id="2", reply_to=first.id
        ),
        said("raise the pool of the payment queue to eighty", author_id="3", reply_to=first.id),
    ]
    rows = list(provider.embed([m.content for m in talk]).vectors)
    made = provider.analyse(talk, rows, [], NOW)
    (topic,) = made.created
    assert "queue" in topic.name
    assert 0.0 < topic.quality <= 1.0
    again = provider.analyse(talk, rows, [topic], NOW)
    assert again.created == again.changed == ()
    more = [said("payment queue pool raised to eighty connections, timeouts are gone")]
    grown = provider.analyse(more, list(provider.embed([more[0].content]).vectors), [topic], NOW)
    assert [(t.id, t.version, t.message_count) for t in grown.changed] == [(topic.id, 2, 4)]


# the provider


def test_the_provider_signs_as_what_it_is_and_counts_tokens() -> None:
    scored = provider.score(said("We decided to roll back"), [], "one two", NOW)
    assert scored.score.model == "builtin-lexical"
    assert scored.usage.tokens_in == 7
    assert "llm" not in f"{provider.name} {provider.model}".lower()
    assert provider.check() == ["builtin-lexical", f"builtin-hashing-{DIMENSIONS}"]


def test_the_provider_refuses_what_it_cannot_do() -> None:
    polish = said("Dzień dobry, proszę o pomoc, nie jest dobrze")
    with pytest.raises(ProviderRefusedError, match="neither English nor Ukrainian"):
        provider.score(polish, [], "", NOW)
    with pytest.raises(ProviderRefusedError, match="language 'pl'"):
        provider.extract([said("fine")], "pl", NOW)
    with pytest.raises(ProviderRefusedError, match="2 of 3 messages"):
        provider.extract([polish, polish, said("we are here")], None, NOW)
    with pytest.raises(ProviderRefusedError, match="characters"):
        provider.embed(["x" * (MAX_CHARS + 1)])
    with pytest.raises(ProviderRefusedError, match="at most 500"):
        provider.extract([said("fine")] * 501, None, NOW)
