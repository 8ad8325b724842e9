"""Command lines that run a module: from a checkout, a wheel or a bundle."""

import os
import sys
from pathlib import Path

import pytest

from pulse_desktop import launcher


def test_modules_in_the_working_directory_do_not_shadow_ours() -> None:
    assert launcher.module_command("pulse_workers", "feed") == [
        sys.executable, "-P", "-m", "pulse_workers", "feed",
    ]  # fmt: skip


def test_a_bundle_runs_itself_with_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/pulse/pulse-desktop")
    assert launcher.module_command("pulse_workers", "run", "--name", "w") == [
        "/opt/pulse/pulse-desktop", "--run-module", "pulse_workers", "run", "--name", "w",
    ]  # fmt: skip


def test_on_windows_a_bundle_runs_the_program_that_has_a_console(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pulse-desktop.exe", "pulse-desktop-window.exe"):
        (tmp_path / name).touch()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "pulse-desktop-window.exe"))
    assert launcher.module_command("pulse_workers")[0] == str(tmp_path / "pulse-desktop.exe")


def test_a_bundle_runs_the_module_that_it_was_started_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["before"])
    assert not launcher.run_requested_module(["pulse-desktop", "status"])
    with pytest.raises(SystemExit):
        launcher.run_requested_module(
            ["pulse-desktop", "--run-module", "pulse_desktop.embedded.parent_death", "--help"]
        )
    assert "--parent" in capsys.readouterr().out


def test_relative_module_folders_work_from_another_working_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["here", "/there"]))
    path = launcher.child_environment()["PYTHONPATH"]
    assert path == os.pathsep.join([str(Path.cwd() / "here"), "/there"])
