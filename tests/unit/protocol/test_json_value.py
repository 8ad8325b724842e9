"""JSON as it was sent, made readable."""

import json

import pytest

from pulse_desktop.protocol.json_value import readable_json

BACKSLASH = "\\"


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        (rb'["\u0416\u0443\u043a"]', '["Жук"]'),
        (rb'{"\u0416": 1.10, "a": 99999999999999999999}', '{"Ж": 1.10, "a": 99999999999999999999}'),
        (rb'["\ud83d\udc1e"]', '["🐞"]'),
        (rb'["\ud83d", "\udc1e\ud83d"]', r'["\ud83d", "\udc1e\ud83d"]'),
        (rb'["\\u0416", "\\\u0416"]', r'["\\u0416", "\\Ж"]'),
        (rb'["\u0022", "\u005c", "\u000a", "\n"]', r'["\u0022", "\u005c", "\u000a", "\n"]'),
        (rb'["\u202e", "\u00a0"]', r'["\u202e", "\u00a0"]'),
        (rb'["\u00"]', r'["\u00"]'),
        ("plain Ж \\u0416".encode(), "plain Ж Ж"),
        (b"\xff", BACKSLASH + "xff"),
    ],
)  # fmt: skip
def test_letters_replace_their_escapes(raw: bytes, readable: str) -> None:
    assert readable_json(raw) == readable


@pytest.mark.parametrize("text", ['Жук 🐞 " \\ \\u0416 \n\t\x00\x7f\u2028\u202e', "\ud83d", ""])
def test_the_value_stays_the_same(text: str) -> None:
    raw = json.dumps({text: [text]}).encode()
    assert json.loads(readable_json(raw)) == {text: [text]}
