"""The report of an error: the reason first, own frames, folded libraries, causes, no silent cut."""

import pytest

from pulse_desktop.state.run import Attempt, AttemptResult, RunError, TaskRun
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.text.error_report import (
    MAX_MESSAGE_LINES,
    MAX_RAW,
    LineKind,
    error_report,
    library_frame_count,
    raw_error,
    raw_lines,
)

CHAINED = """Traceback (most recent call last):
  File "/srv/app/shop/tasks.py", line 12, in order
    reply = client.post(url)
            ^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/asyncio/tasks.py", line 489, in wait_for
    return fut.result()
  File "/srv/.venv/lib/python3.11/site-packages/httpx/_client.py", line 1574, in request
    return self.send(request)
httpx.ConnectTimeout: no answer

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/shop/client.py", line 141, in post
    raise ShopError("no answer from shop") from error
shop.client.ShopError: no answer from shop
"""


def failed(*errors: RunError | None) -> TaskRun:
    """Return a run whose attempts failed with these errors."""
    attempts = tuple(
        Attempt(number, 1.0, "w", AttemptResult(2.0, "failed", number < len(errors), error=error))
        for number, error in enumerate(errors, 1)
    )
    return derive_state(TaskRun("a", "shop.tasks:order", attempts=attempts))


def texts(run: TaskRun, *, all_frames: bool = False) -> list[str]:
    return [line.text for line in error_report(run, all_frames=all_frames)]


def test_the_reason_and_the_latest_own_call_come_first_and_then_the_cause() -> None:
    run = failed(RunError("ShopError", "no answer from shop", CHAINED))
    assert texts(run) == [
        "ShopError: no answer from shop",
        "  shop.client:post  line 141",
        '      raise ShopError("no answer from shop") from error',
        "",
        "Caused by:",
        "httpx.ConnectTimeout: no answer",
        "  … 2 frames of libraries: httpx._client, asyncio.tasks",
        "  shop.tasks:order  line 12",
        "      reply = client.post(url)",
    ]
    assert library_frame_count(run) == 2
    assert "/srv" not in "\n".join(texts(run))


def test_the_frames_of_libraries_can_be_unfolded() -> None:
    run = failed(RunError("ShopError", "no answer from shop", CHAINED))
    lines = {line.text: line.kind for line in error_report(run, all_frames=True)}
    assert lines["  httpx._client:request  line 1574"] is LineKind.LIBRARY
    assert lines["  asyncio.tasks:wait_for  line 489"] is LineKind.LIBRARY
    assert lines["  shop.tasks:order  line 12"] is LineKind.OWN
    assert not any("folded" in text or "…" in text for text in lines)


@pytest.mark.parametrize("collapsed", [True, False])
def test_equal_frames_are_counted_once(collapsed: bool) -> None:
    frame = '  File "/srv/app/odd.py", line 12, in descend\n    descend(n - 1)\n'
    as_printed = 3 * frame + "  [Previous line repeated 897 more times]\n"
    frames = as_printed if collapsed else 900 * frame
    traceback = f"Traceback (most recent call last):\n{frames}RecursionError: too deep"
    assert texts(failed(RunError("RecursionError", "too deep", traceback))) == [
        "RecursionError: too deep",
        "  odd:descend  line 12  × 900",
        "      descend(n - 1)",
    ]


def test_a_cycle_of_frames_is_counted() -> None:
    pair = (
        '  File "/srv/app/odd.py", line 1, in ping\n    pong()\n'
        '  File "/srv/app/odd.py", line 5, in pong\n    ping()\n'
    )
    traceback = f"Traceback (most recent call last):\n{450 * pair}RecursionError: too deep"
    lines = texts(failed(RunError("RecursionError", "too deep", traceback)))
    assert lines[1] == "  these 2 frames × 450:"
    assert [line for line in lines if "line" in line] == [
        "  odd:pong  line 5",
        "  odd:ping  line 1",
    ]


def test_a_long_message_is_cut_with_a_mark_and_kept_in_the_text_as_sent() -> None:
    message = "\n".join(f"line {number}" for number in range(3_000))
    run = failed(RunError("ValueError", message))
    lines = texts(run)
    assert lines[MAX_MESSAGE_LINES] == "… 2,960 more lines of the message: see As sent"
    assert raw_error(run) == f"ValueError: {message}"
    wide = failed(RunError("ValueError", "x" * 50_000))
    assert texts(wide)[1].startswith("… 42,")
    assert texts(wide)[1].endswith("more characters of the message: see As sent")


def test_a_text_as_sent_that_is_too_long_says_how_much_is_missing() -> None:
    run = failed(RunError("E", "m", "y" * (MAX_RAW + 500)))
    *_lines, mark = raw_lines(run)
    assert mark.kind is LineKind.NOTE
    assert mark.text == "… 506 more characters: Copy has the whole text."
    assert len(raw_error(run)) > MAX_RAW


def test_errors_of_earlier_attempts_follow_and_equal_ones_are_named_once() -> None:
    same = RunError("ShopError", "no answer", "")
    run = failed(RunError("OSError", "disk full"), RunError("ShopError", "no answer", ""), same)
    assert texts(run) == [
        "ShopError: no answer",
        "The worker sent no traceback.",
        "",
        "Attempt 2: the same error",
        "",
        "Attempt 1",
        "OSError: disk full",
        "The worker sent no traceback.",
    ]
    assert raw_error(run) == (
        "ShopError: no answer\n\nAttempt 2\nShopError: no answer\n\nAttempt 1\nOSError: disk full"
    )


def test_a_traceback_of_another_form_is_shown_as_it_is() -> None:
    run = failed(RunError("Panic", "oh", "at main.rs:7\nat lib.rs:9"))
    assert texts(run) == ["Panic: oh", "at main.rs:7", "at lib.rs:9"]
    assert library_frame_count(run) == 0


def test_members_of_an_exception_group_are_shown() -> None:
    traceback = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/app/shop/tasks.py", line 3, in order
  |     raise ExceptionGroup("two", [a, b])
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/app/shop/tasks.py", line 9, in pay
    |     raise ValueError("no money")
    | ValueError: no money
    +---------------- 2 ----------------
    | KeyError: 'parcel'
    +------------------------------------
"""
    lines = texts(failed(RunError("ExceptionGroup", "two (2 sub-exceptions)", traceback)))
    assert lines.count("In the group:") == 2
    assert "ValueError: no money" in lines
    assert "KeyError: 'parcel'" in lines
    assert lines.index("  shop.tasks:order  line 3") < lines.index("  shop.tasks:pay  line 9")
