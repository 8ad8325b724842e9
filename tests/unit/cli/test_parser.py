"""The command line as it is written: help, spans, sizes, JSON, mistakes; quickly and without Qt."""

import subprocess
import sys

import pytest

from pulse_desktop import __version__
from pulse_desktop.cli.parser import PAGE_NAMES, make_parser
from pulse_desktop.cli.parser import parse as parse_all

COMMANDS = (
    "local",
    "status",
    "tail",
    "runs",
    "show",
    "run",
    "rerun",
    "cancel",
    "workers",
    "worker",
    "results",
    "screenshot",
    "doctor",
)


def parse(line: str, *more: str) -> object:
    return make_parser().parse_args([*line.split(), *more])


def mistake(capsys: pytest.CaptureFixture[str], line: str, *more: str) -> str:
    with pytest.raises(SystemExit) as ended:
        parse(line, *more)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2, "one line says what, one where to read more"
    return err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_by_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(f"{name} --help")
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"pulse-desktop {name}" in told.partition("examples:")[2]
    assert "--server URL" in told
    assert "--json" in told


def test_the_help_lists_every_command_and_what_exit_codes_and_spans_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    told = capsys.readouterr().out
    assert all(f"\n    {name} " in told for name in COMMANDS)
    assert "exit codes: 0 ok, 1" in told
    assert "10m minutes" in told


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--version")
    assert capsys.readouterr().out == f"pulse-desktop {__version__}\n"


@pytest.mark.parametrize("line", ["--server nats://h status", "status --server nats://h"])
def test_the_server_may_stand_before_or_after_the_command(line: str) -> None:
    assert parse(line).server == "nats://h"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line", ["--json results list", "results --json list", "results list --json"]
)
def test_json_may_stand_before_or_after_the_command(line: str) -> None:
    assert parse(line).json is True  # type: ignore[attr-defined]
    assert parse("results list").json is False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("30s", 30.0),
        ("10m", 600.0),
        ("1h", 3600.0),
        ("7d", 604_800.0),
        ("999999999999d", 3650 * 86_400.0),
    ],
)
def test_a_span_is_seconds_or_has_a_unit(text: str, seconds: float) -> None:
    assert parse("tail --for", text).for_s == seconds  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["", "m", "-5", "10x", "1e3", "inf", "٣m"])
def test_what_is_no_span_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = mistake(capsys, "runs", f"--since={text}")
    assert "30s, 10m, 1h or 7d" in told


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("statsu", "did you mean status?"),
        ("runs --state faild", "did you mean failed?"),
        ("screenshot --out x.png --page taks", "did you mean tasks?"),
        ("screenshot --out x.png --page zzz", "overview, tasks, messages"),
        ("screenshot --out x.png --page tasks --size 800x600", "between 1024x640 and 7680x4320"),
        ("screenshot --out x.png --page tasks --size big", "write 1440x900"),
        ("tail --count 0", "not a whole number above 0"),
        ("run a:b --args {}", "is not an array; write it like '[1, \"two\"]'"),
        ("run a:b --kwargs []", "is not an object"),
        ('run a:b --kwargs {"a":1,"a":2}', "key 'a' given twice"),
        ('run a:b --args [{"b":1,"b":1}]', "key 'b' given twice"),
        ("run a:b --args [1,", "not JSON"),
        ("results", "list|get|save"),
        ("show", "TASK_ID"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(
    line: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert meant in mistake(capsys, line)


NO_ADDRESSES = [
    ("http://h:4222", "http:// is not spoken by NATS"),
    ("nats://", "names no host"),
    ("h:notaport", "port"),
    ("h:99999", "port"),
    ("", "empty"),
    ("s3cret@http://h", "***@http:// is not spoken"),
]


@pytest.mark.parametrize(("address", "meant"), NO_ADDRESSES)
def test_what_is_no_address_is_wrong_usage(
    address: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert meant in mistake(capsys, "status", "--server", address)


@pytest.mark.parametrize(("address", "meant"), NO_ADDRESSES)
def test_what_is_no_address_is_wrong_usage_in_the_environment_too(
    address: str, meant: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", address)
    assert parse_all(["status", "--server", "h"]).server == "h"
    assert parse_all(["local"]).command == "local"
    if not address:
        assert parse_all(["status"]).server is None, "as if it were not set"
        return
    with pytest.raises(SystemExit) as ended:
        parse_all(["status"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "PULSE_SERVER" in told
    assert meant in told


@pytest.mark.parametrize("name", ["", "  "])
def test_a_task_has_a_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "empty" in mistake(capsys, "run", name)


def test_arguments_of_a_task_are_kept_as_they_were_written() -> None:
    parsed = parse("run a:b", "--args", '[1.10, "є"]', "--kwargs", '{"n": 1e2}')
    assert parsed.args == '[1.10, "є"]'.encode()  # type: ignore[attr-defined]
    assert parsed.kwargs == b'{"n": 1e2}'  # type: ignore[attr-defined]


def test_no_command_but_the_window_and_the_screenshot_loads_qt() -> None:
    code = (
        "import sys, importlib\n"
        "from pulse_desktop.cli import main\n"
        "early = set(sys.modules)\n"
        "names = {*main._MODULES.values(), 'screenshot'}\n"
        "for name in names: importlib.import_module('pulse_desktop.cli.' + name)\n"
        "heavy = {'PySide6', 'shiboken6', 'qasync', 'pyqtgraph', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)), sorted({'nats', 'httpx'} & early))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n", "the second: --help and --version answer at once"


def test_the_pages_and_sizes_of_the_help_are_those_of_the_window() -> None:
    pytest.importorskip("PySide6")
    from pulse_desktop.cli.argument_types import MIN_SIZE
    from pulse_desktop.ui.pages.registry import PAGES
    from pulse_desktop.ui.shell import window

    assert tuple(page.key for page in PAGES) == PAGE_NAMES
    assert window.MIN_SIZE == MIN_SIZE


def test_an_order_to_workers_needs_a_name_and_a_log_level_one_that_exists(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = parse("worker log-level worker-1 debug")
    assert (told.order, told.name, told.level) == (  # type: ignore[attr-defined]
        "log-level",
        "worker-1",
        "DEBUG",
    )
    assert "INFO" in mistake(capsys, "worker log-level worker-1 loud")
    assert "NAME" in mistake(capsys, "worker pause")
    assert "TASK_ID" in mistake(capsys, "cancel")
