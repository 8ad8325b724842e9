"""Stems of words."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from pulse_workers.chat.providers.builtin.stemming import stem


@pytest.fixture
def short_turns() -> Iterator[None]:
    """Let threads run for a moment at a time."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("short_turns")
def test_words_are_stemmed_in_several_threads() -> None:
    endings = ("ing", "ation", "ations", "edly", "ness", "ability", "es", "ization")
    words = ["".join(each) for each in product("bcdfgklmnprst", "aeiou", "lmnrst", endings)]
    with ThreadPoolExecutor(4) as threads:
        answers = [list(each) for each in threads.map(_stems, [words] * 4)]
    assert answers == [_stems(words)] * 4


def _stems(words: list[str]) -> list[str]:
    return [stem.__wrapped__(word, "en") for word in words]


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", "query queries queried"),
        ("uk", "сервер сервера серверів серверами серверах"),
        ("uk", "працює працюють працювати працював працювала"),
        ("uk", "платіжна платіжної платіжну платіжних"),
        ("ru", "ошибка ошибки ошибками"),
        ("pl", "serwer serwera serwery"),
        ("de", "Zertifikate Zertifikat".lower()),
    ],
)
def test_inflected_forms_have_one_stem(language: str, forms: str) -> None:
    assert len({stem(form, language) for form in forms.split()}) == 1


def test_words_that_are_not_words_stay_as_they_are() -> None:
    assert [stem(each, None) for each in ("12.5", "行列", "x1")] == ["12.5", "行列", "x1"]
