"""The benchmark is a program that must not rot: it runs, and tells a table."""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
INGEST = BENCHMARKS / "ingest.py"
WORKERS = BENCHMARKS / "workers.py"
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


def test_a_short_round_at_a_low_rate_loses_nothing_and_prints_its_table(tmp_path: Path) -> None:
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


def _run_workers(*options: str) -> subprocess.CompletedProcess[str]:
    little = ("--repeats", "1", "--processes", "1", "--kinds", "no-op", "--seconds", "0.3")
    return subprocess.run(
        [sys.executable, str(WORKERS), *little, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_missed_target_is_said_in_one_line_and_by_the_exit_status() -> None:
    done = _run_workers("--scale", "0.01", "--least", "1000")
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("workers.py: 1 missed: no-op, 1 processes: ")
    assert last.endswith("of the bare tasks/s; at least 1000")
    assert "MISSED  no-op" in done.stdout
    assert "met     every task has a stored result" in done.stdout


def test_ours_and_bare_workers_do_the_same_few_tasks_and_the_table_sets_them_side_by_side(
    tmp_path: Path,
) -> None:
    figures = tmp_path / "figures.json"
    done = _run_workers("--scale", "0.03", "--least", "0", "--json", str(figures))
    assert done.returncode == 0, done.stderr
    assert "ours wait p50" in done.stdout
    bare, ours = json.loads(figures.read_bytes())["rounds"]
    assert (bare["stack"], ours["stack"]) == ("bare", "ours")
    assert bare["stored"] == ours["stored"] == ours["expected"] == 50 + 90 + 30
    assert 0 < ours["wait_p50_ms"] <= ours["wait_p99_ms"]
