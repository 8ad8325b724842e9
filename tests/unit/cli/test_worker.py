"""Text output of commands to workers."""

import pytest

from pulse_desktop.cli.worker import _write_outcome
from pulse_desktop.model.outcomes import CommandOutcome, CommandStatus


def test_a_name_with_line_breaks_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    _write_outcome(CommandOutcome("x\r\ny@vm:1", "pause", CommandStatus.DONE), as_json=False)
    assert capsys.readouterr().out.count("\n") == 1
