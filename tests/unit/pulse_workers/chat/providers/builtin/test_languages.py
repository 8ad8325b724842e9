"""Languages of chat messages."""

import pytest
from pulse_workers.chat.providers.builtin.languages import detect_language, to_cyrillic


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The queue is slow and we should look at it", "en"),
        ("Черга повільна, треба подивитися", "uk"),
        ("deploy пройшов, але p99 виріс", "uk"),
        ("Почему очередь опять не работает? Это уже третий раз", "ru"),
        ("Dzień dobry, proszę o pomoc, nie jest dobrze", "pl"),
        ("Guten Tag, die Schlange ist nicht schnell und wir warten", "de"),
        ("Bonjour, le serveur ne répond plus et les clients sont dans la file", "other"),
        ("robymo tak: poky shlemo kody cherez viber", "uk"),
        ("行列が遅いので調べてください", "other"),
        ("ok", "en"),
        ("👍👍", None),
        ("", None),
        ("https://example.org/a?b=c", None),
        ("```\nwir sind nicht das und die\n```", None),
    ],
)
def test_the_language_is_detected(text: str, language: str | None) -> None:
    assert detect_language(text) == language


def test_ukrainian_in_latin_letters_is_converted_and_english_is_not() -> None:
    assert to_cyrillic("ne pratsyuye oplata na sajti") == "не працює оплата на сайті"
    english = "we ship it on Friday, do not wait"
    assert to_cyrillic(english) == english
