"""The report of a run: what is unknown is not made up."""

import pytest

from pulse_desktop.cli.run_report import write_report
from pulse_desktop.state.run import Attempt, TaskRun
from pulse_desktop.state.serialize import run_to_dict


def lines(run: TaskRun, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return the values in the report, by label."""
    write_report({**run_to_dict(run), "result": None})
    output = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line.split()[-1] for line in output}


def test_a_run_that_never_started_has_no_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(TaskRun("t", "m:f", queued_at=1_763_894_400.0), capsys)
    assert found["started"] == "-"
    assert "attempt" not in found
    started = Attempt(1, 1_763_894_401.0, "w")
    assert lines(TaskRun("t", "m:f", attempts=(started,)), capsys)["attempt"] == "1"
