"""The text of a deadline names what it is based on."""

import pytest

from pulse_desktop.state.deadlines import Deadline
from pulse_desktop.text.deadline_text import deadline_text


@pytest.mark.parametrize(
    ("deadline", "text"),
    [
        (
            Deadline(30.0, "timeout", baseline_s=20.0),
            "30.0 s: the task's own timeout of 20.0 s, plus a few seconds for its result to arrive",
        ),
        (
            Deadline(100.0, "runs", 132, 20.0),
            "1 min 40 s: 5 times the 95th percentile of the last 132 runs (20.0 s)",
        ),
        (
            Deadline(60.0, "runs", 1_320, 0.02),
            "1 min 00 s: the minimum; the 95th percentile of the last 1,320 runs is 20 ms",
        ),
        (
            Deadline(2_000.0, "waits", 20, 400.0),
            (
                "33 min 20 s: 5 times the 95th percentile of the waits of the last 20 tasks "
                "(6 min 40 s)"
            ),
        ),
        (
            Deadline(300.0, "default"),
            "5 min 00 s: the default, since fewer than 5 runs of this task have ended",
        ),
    ],
)
def test_a_deadline_names_its_source(deadline: Deadline, text: str) -> None:
    assert deadline_text(deadline) == text
