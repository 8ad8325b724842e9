"""Control characters are made visible, and nothing else of a text changes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.text.printable import (
    printable,
    printable_cell,
    printable_json,
    printable_line,
)

CONTROLS = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), 0xD800)]
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def test_escape_codes_become_visible_and_text_stays() -> None:
    text = f"a\x1b[31mb\x9b2J\x00\x7f c\tд\u00a0{FAMILY}\ud800\r\nnext\rline"
    assert printable(text) == (
        f"a\\x1b[31mb\\x9b2J\\x00\\x7f c\tд\u00a0{FAMILY}\\ud800\nnext\\rline"
    )
    assert printable("\u202eevil\u2066 שלום \u2068דוד\u2069") == (
        "\\u202eevil\\u2066 שלום \u2068דוד\u2069"
    )
    assert printable_line("a\nb\tc\r\u2028d") == "a\\nb\\tc\\r\\u2028d"
    assert printable_cell("a\r\nb\tc\x1bd") == "a b c\\x1bd"


def test_characters_without_width_become_visible_where_they_have_no_meaning() -> None:
    shown = printable("pa\u200by\ufeff\u2060 a\u200db \u200fx a\u200e")
    assert shown == "pa\\u200by\\ufeff\\u2060 a\\u200db \\u200fx a\\u200e"
    for text in (FAMILY, "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"):
        assert printable(text) == printable_cell(text) == text


@given(st.text(st.sampled_from([*CONTROLS, "a", "\\", "é", "\u2029"])))
def test_no_control_character_is_left(text: str) -> None:
    allowed = {printable: "\n\t", printable_line: "", printable_cell: ""}
    for function, kept in allowed.items():
        assert not set(function(text)) & (set(CONTROLS) - set(kept))


@given(st.recursive(st.text() | st.integers(), st.lists))
def test_json_stays_the_same_value(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    escaped = printable_json(text)
    assert json.loads(escaped) == value
    assert not set(escaped) & (set(CONTROLS) - {"\n"})
