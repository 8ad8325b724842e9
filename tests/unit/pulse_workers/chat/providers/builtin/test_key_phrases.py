"""Key phrases of chat messages."""

from pulse_workers.chat.providers.builtin.key_phrases import key_phrases


def test_key_phrases_recur_and_are_sorted_by_strength() -> None:
    texts = [
        "the payment queue is slow again",
        "payment queue: 40 s, the pool is full",
        "who owns the payment queue",
        "lunch",
    ]
    assert key_phrases(texts)[0] == "payment queue"
    assert key_phrases(["nothing recurs", "in these", "three texts"]) == []
    assert key_phrases([]) == []


def test_generic_words_alone_are_not_key_phrases() -> None:
    assert key_phrases(["remove it please", "remove that", "рядки", "ці рядки"]) == []
    assert key_phrases(["remove stale rows", "remove stale rows"]) != []


def test_stop_words_are_those_of_the_language_of_a_text() -> None:
    german = [
        "Die Datenbank ist wieder langsam, wir müssen die Abfrage prüfen",
        "Ich habe die Datenbank neu gestartet, und die Abfrage ist noch langsam",
    ]
    words = " ".join(key_phrases(german)).split()
    assert {"datenbank", "abfrage"} <= set(words)
    assert not {"die", "müssen", "habe", "wieder"} & set(words)
    english = ["the die is cast in the die shop", "is the die shop open"]
    assert key_phrases(english)[0] == "die shop"


def test_a_phrase_of_several_words_needs_two_that_recur() -> None:
    texts = [
        "рядки лежать окремим файлом",
        "тоді рядки рахунків треба зібрати",
        "міграція бази зламала рядки рахунків",
    ]
    assert key_phrases(texts) == ["рядки рахунків"]
