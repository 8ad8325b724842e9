"""Exit status and messages of `pulse-worker`."""

import pytest
from pulse_workers.cli.main import main


def test_invalid_usage_exits_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--slots", "none"])
    assert ended.value.code == 2
    assert "whole number above 0" in capsys.readouterr().err
