"""Hashed features of a text."""

from pulse_workers.chat.providers.builtin.ngrams import BUCKETS, ngram_tokens, text_buckets


def test_tokens_are_words_and_marks_without_the_value_of_numbers() -> None:
    text = "We paid 4,50 € twice? See https://example.org/a?b=1"
    assert ngram_tokens(text) == ["we", "paid", "0", "€", "twice", "?", "see", "url"]


def test_buckets_are_the_same_in_every_process() -> None:
    found = text_buckets(["ok"])
    assert found == sorted(set(found))
    assert all(0 <= each < BUCKETS for each in found)
    # By crc32: a change means that the weights do not fit any more.
    assert found == [7747, 9259, 16547, 21693, 26751]


def test_the_order_of_words_counts() -> None:
    assert text_buckets(["we", "pay"]) != text_buckets(["pay", "we"])
    assert text_buckets([]) == []
