"""Edited JSON is validated with helpful messages, and printed without a change of its values."""

import json
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulse_desktop.ui.run_form.json_faults import JsonFault, fault_of
from pulse_desktop.ui.run_form.json_lint import RootType, compact, lint, pretty

AFTER_COMMA = JsonFault.TRAILING_COMMA if sys.version_info >= (3, 13) else JsonFault.NO_NAME


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"a": 1,\n "b": True}', 2, "write true, not True"),
        ('{"a": 1\n "b": 2}', 2, 'a comma is missing before "b"'),
        ('{"a": 1,\n}', 2, "remove the comma before }"),
        ("{'a': 1}", 1, "a name is written in double quotes, not 'a'"),
        ('{"a" 1}', 1, "a colon is missing before 1"),
        ('{"a": [1, 2}', 1, "] is missing before }"),
        ('{"a": [1,\n 2', 2, "it ends too early: ] is missing"),
        ('{"a": 1,\n "a": 2}', 2, '"a" is repeated'),
        ('{"a": "x\n}', 1, "a string ends with a double quote in the same line"),
        ('{"a": uk}', 1, 'uk is not a value: a string is written in double quotes, "…"'),
        ('{"a": NaN}', 1, "NaN is not JSON: write null, or a number"),
        ('{"a": 1, "b": "x', 1, "the string that begins here has no closing quote"),
        ('{"a": "C:\\dir"}', 1, "a backslash in a string is written twice"),
        ('{"a": 1} x', 1, "nothing may follow the closing }"),
        ("[1]", 1, "this must be an object"),
        ('{"a": 1e999}', 1, "it cannot be sent"),
        ('{"a":' * 100_000, 1, "it is nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", 1, "a number has too many digits"),
    ],
)
def test_an_error_has_a_line_and_a_reason(text: str, line: int, reason: str) -> None:
    error = lint(text, "object")
    assert error is not None
    assert error.line == line
    assert error.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a": "x', JsonFault.OPEN_STRING),
        ('{"a": "x\n"}', JsonFault.CONTROL_CHARACTER),
        ('{"a": "\\d"}', JsonFault.ESCAPE),
        ('{"a": "\\u12"}', JsonFault.ESCAPE),
        ("{} x", JsonFault.EXTRA_DATA),
        ('{"a": 1 "b": 2}', JsonFault.NO_COMMA),
        ("[1 2]", JsonFault.NO_COMMA),
        ('{"a" 1}', JsonFault.NO_COLON),
        ("{a: 1}", JsonFault.NO_NAME),
        (
            '{"a": 1,}',
            JsonFault.TRAILING_COMMA if sys.version_info >= (3, 13) else JsonFault.NO_NAME,
        ),
        ('{"a": x}', JsonFault.NO_VALUE),
    ],
)
def test_the_decoder_says_what_is_wrong(text: str, fault: JsonFault) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    assert fault_of(caught.value) is fault


@settings(deadline=None)
@given(st.text(alphabet="[]{},:\"\\ \n\t-+.0129eEtrufalsnNI'#/aя\ud800"))
def test_any_text_can_be_validated_and_valid_text_is_json(text: str) -> None:
    roots: tuple[tuple[RootType, type], ...] = (("array", list), ("object", dict))
    for root, type_ in roots:
        if lint(text, root) is None:
            assert isinstance(json.loads(compact(text, root)), type_)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_VALUES, max_size=6), st.booleans())
def test_printed_json_has_the_same_value_and_no_invisible_characters(
    value: list[object], ascii_: bool
) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_).encode(errors="surrogatepass")
    text = pretty(raw)
    assert json.loads(text or "[]") == value
    assert all(line.isprintable() for line in text.split("\n"))
    error = lint(text, "array")
    assert error is None or "cannot be sent" in error.reason


def test_numbers_keep_their_notation() -> None:
    raw = b'{"a": 1.0, "b": 123456789012345678901234567890, "c": 1E5}'
    text = pretty(raw)
    assert compact(text, "object") == raw.replace(b" ", b"")
