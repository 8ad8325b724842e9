"""Screenshot of the window on a machine without a display."""

from pathlib import Path

import pytest
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication

from pulse_desktop.cli import window_qt
from pulse_desktop.model.errors import UserFacingError
from tests.kit.cli_process import command_environment, run_command


def test_an_unwritable_screenshot_is_an_error_before_it_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "pulse-desktop.png").mkdir()
    env = command_environment(tmp_path / "data", QT_QPA_PLATFORM="offscreen")
    ended = run_command("--server", "127.0.0.1:1", env=env, cwd=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert "Cannot write pulse-desktop.png" in ended.err
    assert "screenshot" in ended.err
    assert "Traceback" not in ended.err


def test_the_screenshot_is_written_into_an_existing_build_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert window_qt.screenshot_path() == Path("pulse-desktop.png")
    assert list(tmp_path.iterdir()) == [], "no file is left"
    Path("build").mkdir()
    assert window_qt.screenshot_path() == Path("build/pulse-desktop.png")
    Path("build/pulse-desktop.png").write_bytes(b"the last one")
    window_qt.screenshot_path()
    assert Path("build/pulse-desktop.png").read_bytes() == b"the last one"


def test_a_screenshot_that_cannot_be_saved_is_an_error(qapp: QApplication, tmp_path: Path) -> None:
    drawn = QPixmap(8, 8)
    window_qt.save_screenshot(drawn, tmp_path / "there.png")
    assert (tmp_path / "there.png").stat().st_size
    with pytest.raises(UserFacingError, match="Cannot write"):
        window_qt.save_screenshot(drawn, tmp_path / "gone" / "x.png")
