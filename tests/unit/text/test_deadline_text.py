"""The text of a deadline states its length and its source."""

import pytest

from pulse_desktop.state.deadlines import Deadline
from pulse_desktop.text.deadline_text import deadline_text


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [
        (
            Deadline(30.0, "timeout", baseline_s=20.0),
            "30.0 s: its own timeout of 20.0 s, and some seconds until that is known here",
        ),
        (
            Deadline(100.0, "runs", 132, 20.0),
            "1 min 40 s: 5 times what nearly all of the last 132 runs took (20.0 s)",
        ),
        (
            Deadline(60.0, "runs", 132, 0.02),
            (
                "1 min 00 s: at least a minute, and 5 times what nearly all of the last 132 runs "
                "took (20 ms)"
            ),
        ),
        (
            Deadline(2_000.0, "waits", 20, 400.0),
            "33 min 20 s: 5 times what nearly all of the last 20 tasks waited (6 min 40 s)",
        ),
        (
            Deadline(300.0, "default"),
            "5 min 00 s: the usual one, for fewer than 5 runs of this task have ended",
        ),
    ],
)
def test_a_deadline_states_its_source(deadline: Deadline, expected: str) -> None:
    assert deadline_text(deadline) == expected
