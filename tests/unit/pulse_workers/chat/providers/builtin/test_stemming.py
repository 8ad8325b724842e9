"""Stems of words."""

import pytest
from pulse_workers.chat.providers.builtin.stemming import stem


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
