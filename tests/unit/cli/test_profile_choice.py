"""A window opens what was named; only without a name it opens what was chosen before."""

import shutil
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest

from pulse_desktop.cli.profile_choice import names_server

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("options", "variable", "named"),
    [
        ({}, "", False),
        ({"profile": "local"}, "", True),
        ({"server": "nats://shop:4222"}, "", True),
        ({"subject": "other_tasks"}, "", True),
        ({}, "PULSE_SERVER", True),
        ({}, "PULSE_PROFILE", True),
    ],
)
def test_a_server_is_named_by_an_option_or_a_variable(
    options: dict[str, str], variable: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "local" if variable == "PULSE_PROFILE" else "nats://shop")
    assert names_server(Namespace(**options)) is named


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_run_opens_the_embedded_server_without_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def command(*variables: str) -> str:
        done = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", "run", *variables],
            check=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip().rpartition("\n")[2]

    for variable in ("MAKEFLAGS", "MAKELEVEL", "SERVER", "PULSE_SERVER", "PULSE_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    assert command().endswith("pulse-desktop --profile local")
    assert command("SERVER=nats://shop:4222").endswith("pulse-desktop")
    monkeypatch.setenv("PULSE_PROFILE", "shop")
    assert command().endswith("pulse-desktop")
