"""Long texts from the wire are shortened with a mark, tracebacks in the middle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.fingerprint import Fingerprint, fingerprint
from pulse_desktop.query.shortened_text import shortened_traceback
from pulse_desktop.query.traceback_text import read_traceback
from pulse_desktop.state.coerce import MAX_TEXT, to_seconds, to_text, to_traceback
from pulse_desktop.state.run import Attempt, AttemptResult, RunError, TaskRun
from pulse_desktop.text.error_report import error_report
from tests.unit.query.recorded_tracebacks import VERSIONS, recorded
from tests.unit.state.state_builders import NOW, run_update, task_event

HEADER = "Traceback (most recent call last):\n"


def _frame(function: str, line: int = 1) -> str:
    where = f'  File "/srv/app/releases/current/shop/parts.py", line {line}, in {function}'
    return f"{where}\n    return {function}(n)\n"


def _recursion(last: str, message: str = "no part") -> str:
    frames = [_frame(("ping", "pong")[number % 2], number) for number in range(980)]
    return f"{HEADER}{''.join(frames)}{_frame(last, 7)}PartError: {message}\n"


def _failed(text: str) -> TaskRun:
    error = {"type": "PartError", "message": "no part", "traceback": text}
    return run_update(task_event("failed", NOW, "a" * 32, error=error))


def _fingerprint(text: str) -> Fingerprint:
    attempt = Attempt(1, result=AttemptResult(NOW, "failed", error=RunError("E", "m", text)))
    return fingerprint(TaskRun("a", "shop.parts:ping", attempts=(attempt,), state=RunState.FAILED))


@pytest.mark.parametrize("seconds", [0, 0.25, "5", 86_400 * 365])
def test_a_duration_is_kept(seconds: float | str) -> None:
    assert to_seconds(seconds) == float(seconds)


@pytest.mark.parametrize("seconds", [-5.0, -1e-9, 1e300, "-5", "nan", "inf", None, True, [5]])
def test_what_no_clock_measures_is_no_duration(seconds: object) -> None:
    assert to_seconds(seconds) is None


def test_both_ends_of_a_long_traceback_are_kept_with_a_mark_between() -> None:
    text = _recursion("a_parse")
    assert len(text) > MAX_TEXT
    kept = to_traceback(text)
    assert len(kept) <= MAX_TEXT
    lines, whole = kept.split("\n"), text.split("\n")
    (mark,) = (number for number, line in enumerate(lines) if line.startswith("… "))
    missing = len(whole) - len(lines) + 1
    assert lines[mark] == f"… {missing:,} lines left out …"
    assert (lines[:mark], lines[mark + 1 :]) == (whole[:mark], whole[mark + missing :])
    (raised,) = read_traceback(kept)
    assert (raised.type, raised.frames[-1].function, raised.cut) == (
        "PartError",
        "a_parse",
        missing,
    )


def test_errors_that_differ_at_the_end_of_a_long_traceback_are_other_groups() -> None:
    runs = [_failed(_recursion(last)) for last in ("a_parse", "b_store", "a_parse")]
    first, second, third = (fingerprint(run) for run in runs)
    assert first.id == third.id != second.id
    assert first.frames[-1] == "shop.parts:a_parse"
    report = [line.text for line in error_report(runs[1])]
    assert report[1] == "  shop.parts:b_store  line 7"
    assert any("left out of a very long traceback" in line for line in report)


@pytest.mark.parametrize("message", ["x" * 300_000, "a line\n" * 50_000, " \n" * 150_000])
@pytest.mark.parametrize("frames", [3, 900])
def test_the_innermost_frames_are_kept_before_a_long_message(message: str, frames: int) -> None:
    calls = "".join(_frame(f"f{number}") for number in range(frames))
    kept = to_traceback(f"{HEADER}{calls}PartError: {message}\nlast line")
    assert len(kept) <= MAX_TEXT
    assert kept.startswith(HEADER)
    assert kept.endswith("last line")
    assert _fingerprint(kept).types == ("PartError",)
    assert _fingerprint(kept).frames[-1] == f"shop.parts:f{frames - 1}"


def test_a_cut_within_the_message_of_a_cause_keeps_the_frames_that_follow() -> None:
    cause = f"{HEADER}{_frame('load')}CauseError: " + "detail\n" * 20_000
    context = "\nDuring handling of the above exception, another exception occurred:\n\n"
    calls = "".join(_frame(f"f{number}") for number in range(900))
    kept = to_traceback(f"{cause}{context}{HEADER}{calls}PartError: no part\n")
    assert _fingerprint(kept).types == ("CauseError", "PartError")
    assert _fingerprint(kept).frames[-1] == "shop.parts:f899"


@pytest.mark.parametrize("version", VERSIONS)
def test_tracebacks_of_ordinary_length_are_kept_as_they_are(version: str) -> None:
    for text in recorded(version).values():
        assert to_traceback(text) == text
        assert all(not raised.cut for raised in read_traceback(text))


@given(st.text(alphabet='ab \n"File', max_size=3_000), st.integers(200, 2_000))
def test_no_text_becomes_longer_than_the_limit(text: str, length: int) -> None:
    kept = shortened_traceback(text, length)
    assert len(kept) <= length
    assert (kept == text) is (len(text) <= length)


def test_other_long_texts_have_a_mark_at_the_cut() -> None:
    assert to_text("x" * MAX_TEXT) == "x" * MAX_TEXT
    cut = to_text("x" * 100_000)
    kept = cut.count("x")
    assert cut == f"{'x' * kept}… {100_000 - kept:,} characters left out …"
    assert len(cut) <= MAX_TEXT
    assert to_text(cut) == cut
