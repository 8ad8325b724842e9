"""Each log record is one bounded, printable line, for any text."""

import logging

import pytest

from pulse_desktop.model.log_format import LogFormatter

FORMATTER = LogFormatter("%(levelname)s %(name)s: %(message)s")


def _record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("pulse", logging.INFO, __file__, 1, message, args, None)


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        ("eve\nINFO forged", r"eve\nINFO forged"),
        ("\x1b[2J\x9b31m", r"\x1b[2J\x9b31m"),
        ("a\u2028b\u202ec\r\x00", r"a\u2028b\u202ec\r\x00"),
        ("\ud83d", r"\ud83d"),
        ("Олена 日本 é", "Олена 日本 é"),
    ],
)
def test_a_message_is_one_printable_line(who: str, shown: str) -> None:
    assert FORMATTER.format(_record("pause for %s", who)) == f"INFO pulse: pause for {shown}"


def test_a_message_is_bounded_and_its_credentials_are_masked() -> None:
    text = FORMATTER.format(_record("%s", "x" * 1_985 + " nats://user:secret@host " + "y" * 9**6))
    assert len(text) < 2_100
    assert "secret" not in text


def test_a_traceback_is_indented_bounded_and_masked() -> None:
    record = _record("failed")
    error = ValueError("nats://u:secret@h\nINFO pulse: forged\x1b[0m" + "z" * 10**6)
    record.exc_info = (ValueError, error, None)
    text = FORMATTER.format(record)
    first, *block = text.split("\n")
    assert first == "INFO pulse: failed"
    assert all(line.startswith("  ") for line in block)
    assert len(text) < 50_000
    assert "secret" not in text
    assert "\x1b" not in text


def test_arguments_that_do_not_fit_are_no_error() -> None:
    assert FORMATTER.format(_record("%d tasks", "two")) == "INFO pulse: %d tasks"
