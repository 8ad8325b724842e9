"""Tracebacks for reading: the reason first, the own frames next, libraries folded."""

from pulse_desktop.text.traceback_text import shown_traceback
from tests.unit.query.recorded_tracebacks import recorded

TASK = "shop.orders:ship"


def test_the_reason_is_first_and_library_frames_are_folded() -> None:
    shown = shown_traceback(recorded("3.12")["context"], TASK)
    lines = shown.text.splitlines()
    assert lines[0] == "StatusError: 503 for http://10.0.0.1/orders/4711"
    assert lines[1].split() == ["context", "shop.orders,", "line", "49"]
    assert "raise_for_status" not in shown.text
    assert shown.folded == 2
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == [
        "While handling:",
        "Caused by:",
    ]
    whole = shown_traceback(recorded("3.12")["context"], TASK, whole=True)
    assert whole.text.index("raise_for_status") < whole.text.index("While handling:")
    assert whole.folded == 0


def test_recursion_is_folded_and_a_group_shows_its_members() -> None:
    recursion = shown_traceback(recorded("3.12")["recursion"], TASK)
    assert recursion.text.count("countdown") <= 6
    group = shown_traceback(recorded("3.11")["group"], TASK).text
    assert group.count("KeyError: 'count'") == 2
    assert "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)" in group


def test_what_is_no_traceback_stays_as_it_is() -> None:
    assert shown_traceback("  boom\nat line 7\n", TASK) == ("boom\nat line 7", 0)
