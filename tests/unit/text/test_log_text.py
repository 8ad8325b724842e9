"""The log of a run as text: attempts have headings, and gaps are told."""

from pulse_desktop.state.run_log import LogLine
from pulse_desktop.text import formats
from pulse_desktop.text.log_text import log_text

AT = 1_795_465_382.4


def line(attempt: int, number: int, text: str) -> LogLine:
    return LogLine(attempt, number, AT, "INFO", "shop", text)


def test_one_attempt_needs_no_heading() -> None:
    clock = formats.clock_ms(AT)
    assert log_text([line(1, 1, "a"), line(1, 2, "b\nc")]) == (
        f"{clock}  INFO  shop: a\n{clock}  INFO  shop: b\nc"
    )


def test_attempts_and_gaps_are_told() -> None:
    text = log_text([line(1, 1, "a"), line(1, 1_502, "z"), line(2, 2, "b")])
    assert [part.rpartition("shop: ")[2] for part in text.splitlines()] == [
        "Attempt 1",
        "a",
        "… 1,500 lines missing …",
        "z",
        "Attempt 2",
        "… 1 line missing …",
        "b",
    ]
