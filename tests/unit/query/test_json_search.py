"""Searching JSON as bytes finds what decoding it would find."""

import json
from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.query.dictionary_columns import NO, UNDECIDED, YES
from pulse_desktop.query.json_escaping import Escaping, escaping_of
from pulse_desktop.query.json_search import JsonSearch, json_text

_TEXT = st.text(
    st.sampled_from('abAB sSßſKK\u212a1"\\/n<\n\u0416\u0436ΣσςİiΐιéÉ😀\U0001d11e\ufb01')
    | st.characters(),
    max_size=12,
)


def encoded(value: object, *, escaped: bool) -> bytes:
    """Return JSON as TaskIQ writes it, or in UTF-8."""
    return json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


@given(_TEXT, st.booleans())
def test_json_text_is_the_casefolded_text(text: str, escaped: bool) -> None:
    text = text.encode("utf-8", "replace").decode()  # no lone surrogates
    assert json_text(encoded([text], escaped=escaped)) == f'["{text}"]'.casefold()


@given(_TEXT, _TEXT, st.booleans())
@example("Straße", "strasse", False)
@example("Straße", "ASSE", True)
@example("\u212aelvin", "kelvin", False)
@example("ΟΔΟΣ", "οδος", False)
@example("\u0390", "\u03b9", False)
@example('say "hi"', '"hi', False)
@example("a\nb", "nb", True)
@example("C:\\new", "c:\\new", True)
@example("Розбір", "РОЗБІР", True)
def test_what_is_contained_is_found(text: str, wanted: str, escaped: bool) -> None:
    raw = encoded({"key": text}, escaped=escaped)
    wanted = wanted.casefold()
    assert JsonSearch(wanted).matches(raw) == (wanted in json_text(raw))


@given(st.lists(st.tuples(_TEXT, st.booleans()), min_size=1, max_size=8), _TEXT)
@example([("Жа", False), ("жА", False), ("жа", True), ("a", False)], "жа")
def test_a_scan_never_contradicts_the_search_of_each(
    texts: list[tuple[str, bool]], wanted: str
) -> None:
    payloads = [encoded(text, escaped=escaped) for text, escaped in texts]
    search, together = JsonSearch(wanted.casefold()), b"".join(payloads)
    ends = list(accumulate(map(len, payloads)))
    escaping = escaping_of(together)
    scans = [search.scan(together, ends), search.scan(together, ends, escaping)]
    if not search.may_match(escaping):
        scans.append(bytearray(len(payloads)))
    for marks in scans:
        assert len(marks) == len(payloads)
        for mark, payload in zip(marks, payloads, strict=True):
            assert mark in ((YES, UNDECIDED) if search.matches(payload) else (NO, UNDECIDED))


@given(st.lists(_TEXT, min_size=2, max_size=8), _TEXT)
def test_payloads_may_be_spelled_more_plainly_than_their_block(
    texts: list[str], wanted: str
) -> None:
    payloads = [encoded(text, escaped=False) for text in texts]
    search, escaping = JsonSearch(wanted.casefold()), escaping_of(b"".join(payloads))
    for payload in payloads:
        (mark,) = search.scan(payload, (len(payload),), escaping)
        assert mark in ((YES, UNDECIDED) if search.matches(payload) else (NO, UNDECIDED))


@pytest.mark.parametrize("wanted", ["needle", "голка"])
def test_a_scan_decides_plain_payloads(wanted: str) -> None:
    payloads = [f'{{"text": "{text}"}}'.encode() for text in ("nee", "NEEDLE dle", "Голка", "")]
    search = JsonSearch(wanted)
    marks = search.scan(b"".join(payloads), list(accumulate(map(len, payloads))))
    assert list(marks) == ([NO, YES, NO, NO] if wanted.isascii() else [NO, NO, UNDECIDED, NO])


def test_quotes_are_decided_where_nothing_is_escaped() -> None:
    payloads = [b'{"language":"uk"}', b'{"Language":"PL"}', b'{"language": "pl"}']
    ends = list(accumulate(map(len, payloads)))
    assert list(JsonSearch('"language":"pl"').scan(b"".join(payloads), ends)) == [NO, YES, NO]


def test_every_letter_that_casefolds_to_ascii_is_known() -> None:
    for code in range(0x80, 0x1F000):
        character = chr(code)
        if not 0xD800 <= code < 0xE000 and any(map(str.isascii, character.casefold())):
            assert escaping_of(encoded(character, escaped=False)) is Escaping.ESCAPED, character
            assert escaping_of(encoded(character, escaped=True)) is Escaping.ESCAPED, character
            upper = f"\\u{code:04X}".encode()
            assert escaping_of(b'"%b"' % upper) is Escaping.ESCAPED, character


@pytest.mark.parametrize(
    ("raw", "escaping"),
    [
        (b'"plain"', Escaping.PLAIN),
        (b'"a\\nb \\"quoted\\""', Escaping.LITERAL),
        (b'"\\u0416"', Escaping.LITERAL),
        ('"Жé"'.encode(), Escaping.LITERAL),
        (b'"\\u0041"', Escaping.ESCAPED),
        (b'"a\\/b"', Escaping.ESCAPED),
    ],
)
def test_how_json_is_escaped_is_known(raw: bytes, escaping: Escaping) -> None:
    assert escaping_of(raw) is escaping


@given(
    st.lists(st.text("abc", max_size=9), min_size=1, max_size=12),
    st.text("abc", min_size=1, max_size=5),
)
@example(["ab", "cab", "cabc"], "abca")
@example(["aab", "baab"], "ab")
def test_a_word_is_found_by_its_rarest_letter_within_one_payload(
    texts: list[str], wanted: str
) -> None:
    search = JsonSearch(wanted)
    for order in (texts, texts[::-1]):
        payloads = [text.encode() for text in order]
        marks = search.scan(b"".join(payloads), list(accumulate(map(len, payloads))))
        assert list(marks) == [YES if wanted in text else NO for text in order]


@given(
    st.lists(st.text("abCAB_", max_size=9), min_size=1, max_size=12),
    st.text("abc_", min_size=1, max_size=5),
)
@example(["ab", "aB", "AB", "Ab"], "ab")
@example(["ab", "ab", "Ac", "ac"], "a")
def test_a_word_is_found_in_any_letter_case_whichever_letters_come_first(
    texts: list[str], wanted: str
) -> None:
    search = JsonSearch(wanted)
    for order in (texts, texts[::-1]):  # a search is adapted to what it has seen
        for some in (order[:1], order):
            payloads = [text.encode() for text in some]
            marks = search.scan(b"".join(payloads), list(accumulate(map(len, payloads))))
            assert list(marks) == [YES if wanted in text.lower() else NO for text in some]


@pytest.mark.parametrize("text", ["c++", "price=5", "a`b", "a<b", "it's", "R&D"])
def test_what_other_encoders_escape_is_found(text: str) -> None:
    escaped = "".join(c if c.isalnum() else f"\\u{ord(c):04X}" for c in text)
    for raw in (f'{{"q":"{escaped}"}}'.encode(), json.dumps({"q": text}).encode()):
        search = JsonSearch(text.casefold())
        assert search.matches(raw)
        assert search.may_match(escaping_of(raw))
        assert list(search.scan(raw, [len(raw)], escaping_of(raw))) != [NO]
