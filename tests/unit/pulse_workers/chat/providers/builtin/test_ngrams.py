"""N-grams of a text."""

from pulse_workers.chat.providers.builtin.ngrams import ngram_tokens, text_ngrams, word_parts


def test_tokens_are_words_and_marks_without_the_value_of_numbers() -> None:
    text = "We paid 4,50 € twice? See https://example.org/a?b=1"
    assert ngram_tokens(text) == ["we", "paid", "0", "€", "twice", "?", "see", "url"]


def test_parts_of_a_word_know_where_it_begins_and_ends() -> None:
    assert sorted(word_parts("ok")) == [" o", " ok", " ok ", "k ", "ok", "ok "]
    assert max(map(len, word_parts("decided"))) == 5
    assert len(word_parts("a" * 10_000)) < 200


def test_sequences_of_stems_know_the_order_of_words() -> None:
    first, second = text_ngrams(["we", "paid", "them"]), text_ngrams(["them", "we", "paid"])
    assert first["=we paid them"] == second["=them we paid"] == 1
    assert "=them we" not in first
    assert first["=we"] == 1
    assert text_ngrams(["no", "no"])["=no"] == 2
    assert not text_ngrams([])


def test_inflected_forms_share_their_stem() -> None:
    assert text_ngrams(["сервери"])["=сервер"] == text_ngrams(["серверами"])["=сервер"] == 1
