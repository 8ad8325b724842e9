"""Tokens and sentences of chat text."""

import time

import pytest
from pulse_workers.chat.providers.builtin.text import (
    count_tokens,
    split_sentences,
    strip_markup,
    tokenize,
    without_greeting,
)


def test_tokens_include_apostrophes_and_numbers() -> None:
    assert tokenize("Кур'єр, don't: 12.5 ms!") == ["кур'єр", "don't", "12.5", "ms"]
    assert count_tokens("Кур'єр, don't: 12.5 ms!") == 4


def test_sentences_end_at_punctuation_and_line_breaks_but_not_inside_numbers() -> None:
    text = "Done at 4.18. Next: tests!\n- one thing\n2. друга річ… Кінець"
    assert split_sentences(text) == [
        "Done at 4.18.",
        "Next: tests!",
        "one thing",
        "друга річ…",
        "Кінець",
    ]


@pytest.mark.parametrize("part", ["a", "@", "a@", "_", '."', "``a", "```", "www.", "/", "1."])
def test_a_long_text_without_spaces_takes_linear_time(part: str) -> None:
    before = time.thread_time()
    for text in (part * 50_000, "/" + part * 50_000 + "@"):
        strip_markup(text)
        split_sentences(text)
        tokenize(text)
    assert time.thread_time() - before < 3  # about 0.1 s; most of them took a minute


def test_addresses_and_paths_are_markup() -> None:
    text = "mail (ann.b@ops.example.com) see /var/log/x.log and a/b or src\\x\\y.py, my_long_name"
    assert strip_markup(text).split() == ["mail", ")", "see", "and", "a/b", "or"]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Hi all, we keep the keys", "we keep the keys"),
        ("@lena what if it worked offline?", "what if it worked offline?"),
        ("Доброго ранку. Всім привіт, черга лежить", "черга лежить"),
        ("Good morning everyone. The search is slow", "The search is slow"),
        ("Hi all, good morning!", "Hi all, good morning!"),
        ("High risk: nobody is on call", "High risk: nobody is on call"),
        ("Morning jobs fail", "Morning jobs fail"),
    ],
)
def test_a_greeting_or_mention_is_removed_from_the_start_only(text: str, rest: str) -> None:
    assert without_greeting(text) == rest
