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
