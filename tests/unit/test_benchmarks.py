"""The benchmark is a program that must not rot: it runs, and tells a table."""

import json
import os
import subprocess
import sys
from pathlib import Path

INGEST = Path(__file__).parents[2] / "benchmarks" / "ingest.py"
LITTLE = ("--quick", "--seconds", "0.8", "--repeats", "1", "--rates", "400", "--ring", "1000")


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(INGEST), *LITTLE, *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )


def test_a_short_round_at_a_low_rate_loses_nothing_and_prints_its_table(tmp_path):
    done = _run("--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    assert "gap p99" in done.stdout
    assert "400/s" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_bytes())
    steady = figures["steady"][0]
    assert steady["sent"] == steady["received"] == 320
    assert steady["rows"] >= 1000
    assert steady["gap_max_ms"] >= steady["gap_p99_ms"] > 0
    assert figures["lost"] == 0
    assert figures["ratio"]["with headers"] > 0
