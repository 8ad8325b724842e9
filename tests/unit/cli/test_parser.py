"""Command line of `pulse-desktop`: help, types of arguments, aliases, usage errors."""

import subprocess
import sys
from argparse import Namespace

import pytest

from pulse_desktop import __version__
from pulse_desktop.cli.main import COMMANDS, make_parser, parse_arguments
from pulse_desktop.cli.screenshot import PAGE_NAMES
from pulse_desktop.model.run_state import RunState
from pulse_desktop.text.run_text import STATE_LABELS

NAMES = (
    "local",
    "status",
    "tail",
    "runs",
    "groups",
    "show",
    "compare",
    "run",
    "rerun",
    "cancel",
    "workers",
    "worker",
    "results",
    "record",
    "replay",
    "profiles",
    "provision",
    "screenshot",
    "doctor",
)
SCREENSHOT = "screenshot --out x.png --page tasks"


def parse(line: str, *more: str) -> Namespace:
    return make_parser().parse_args([*line.split(), *more])


def usage_error(capsys: pytest.CaptureFixture[str], line: str, *more: str) -> str:
    with pytest.raises(SystemExit) as exit_info:
        parse(line, *more)
    assert exit_info.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2, "one line for the error, one that refers to the help"
    return err


def help_of(capsys: pytest.CaptureFixture[str], line: str) -> str:
    with pytest.raises(SystemExit) as exit_info:
        parse(f"{line} --help")
    assert exit_info.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_every_command_has_examples_and_the_shared_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(capsys, name)
    assert f"pulse-desktop {name}" in text.partition("examples:")[2]
    assert "--server URL" in text
    assert "--json" in text


def test_the_help_lists_every_command_and_explains_exit_codes_and_durations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = help_of(capsys, "")
    assert all(f"\n    {name} " in text for name in NAMES)
    assert "exit codes: 0 success, 1" in text
    assert "10m minutes" in text


def test_every_command_has_a_module_of_its_name() -> None:
    assert [module.__name__.rpartition(".")[2] for module in COMMANDS] == list(NAMES)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--version")
    assert capsys.readouterr().out == f"pulse-desktop {__version__}\n"


@pytest.mark.parametrize("line", ["--server nats://h status", "status --server nats://h"])
def test_the_server_can_be_given_before_or_after_the_command(line: str) -> None:
    assert parse(line).server == "nats://h"


@pytest.mark.parametrize(
    "line", ["--json results list", "results --json list", "results list --json"]
)
def test_json_can_be_given_before_or_after_the_command(line: str) -> None:
    assert parse(line).json is True
    assert parse("results list").json is False


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
def test_a_duration_is_in_seconds_or_has_a_unit(text: str, seconds: float) -> None:
    assert parse("tail --duration", text).duration == seconds


@pytest.mark.parametrize("text", ["", "m", "-5", "10x", "1e3", "inf", "٣m"])
def test_an_invalid_duration_is_a_usage_error(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "30s, 10m, 1h or 7d" in usage_error(capsys, "tail", f"--duration={text}")
    assert "10m, 1h, 7d, 22:00" in usage_error(capsys, "runs", f"--since={text}")


@pytest.mark.parametrize("text", ["59s", "3651d", "999999999d"])
def test_an_age_of_history_out_of_bounds_is_a_usage_error(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not between 1m and 3650d" in usage_error(capsys, "provision", "--age", text)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("statsu", "did you mean status?"),
        ("runs --state faild", "did you mean failed?"),
        ("screenshot --out x.png --page taks", "did you mean tasks?"),
        ("screenshot --out x.png --page zzz", "overview, tasks, messages"),
        (f"{SCREENSHOT} --size 800x600", "between 1024x640 and 7680x4320"),
        (f"{SCREENSHOT} --size big", "use 1440x900"),
        ("tail --lines 0", "not a whole number above 0"),
        ("run a:b --args {}", "is not an array; use '[1, \"two\"]'"),
        ("run a:b --kwargs []", "is not an object"),
        ('run a:b --kwargs {"a":1,"a":2}', "key 'a' given twice"),
        ('run a:b --args [{"b":1,"b":1}]', "key 'b' given twice"),
        ("run a:b --args [1,", "not valid JSON"),
        ("results", "list|show|save"),
        ("show", "TASK_ID"),
    ],
)
def test_a_usage_error_says_what_is_accepted(
    line: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hint in usage_error(capsys, line)


INVALID_ADDRESSES = [
    ("http://h:4222", "NATS does not support http://"),
    ("nats://", "has no host name"),
    ("h:notaport", "port"),
    ("h:99999", "port"),
    ("", "empty"),
    ("s3cret@http://h", "its login has a character that ends it"),
]


@pytest.mark.parametrize(("address", "hint"), INVALID_ADDRESSES)
def test_an_invalid_address_is_a_usage_error(
    address: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hint in usage_error(capsys, "status", "--server", address)


@pytest.mark.parametrize(("address", "hint"), INVALID_ADDRESSES)
def test_an_invalid_address_in_the_environment_is_a_usage_error_too(
    address: str, hint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", address)
    assert parse_arguments(["status", "--server", "h"]).server == "h"
    assert parse_arguments(["local"]).command == "local"
    if not address:
        assert parse_arguments(["status"]).server is None, "the same as not set"
        return
    with pytest.raises(SystemExit) as exit_info:
        parse_arguments(["status"])
    assert exit_info.value.code == 2
    err = capsys.readouterr().err
    assert "PULSE_SERVER" in err
    assert hint in err


@pytest.mark.parametrize("name", ["", "  "])
def test_a_blank_task_name_is_a_usage_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "empty" in usage_error(capsys, "run", name)


def test_arguments_of_a_task_keep_the_bytes_they_were_typed_with() -> None:
    arguments = parse("run a:b", "--args", '[1.10, "є"]', "--kwargs", '{"n": 1e2}')
    assert arguments.args == '[1.10, "є"]'.encode()
    assert arguments.kwargs == b'{"n": 1e2}'


@pytest.mark.parametrize("state", STATE_LABELS)
def test_a_state_can_be_given_as_shown_or_as_in_json(state: RunState) -> None:
    label = STATE_LABELS[state][0]
    spellings = (label, label.upper(), label.replace(" ", "-"), label.replace(" ", "_"), str(state))
    for spelling in spellings:
        assert parse("runs --state", spelling).state == [str(state)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("run a:b --anyway", "run a:b --force"),
        ("rerun x --anyway", "rerun x --force"),
        ("tail --for 5", "tail --duration 5"),
        ("tail --count 3", "tail --lines 3"),
        ("tail --count 3", "tail -n 3"),
        (f"{SCREENSHOT} --after 1", f"{SCREENSHOT} --delay 1"),
        (f"{SCREENSHOT} --open abc", f"{SCREENSHOT} --select abc"),
    ],
)
def test_an_old_option_is_accepted_and_not_in_the_help(
    old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, option = (
        old.split(maxsplit=1)[0],
        old.partition(" --")[2].rpartition("--")[2].split()[0],
    )
    assert vars(parse(old)) == vars(parse(new))
    assert f"--{option}" not in help_of(capsys, command).partition("examples:")[0]


def test_the_old_name_of_results_show_is_accepted_and_not_in_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, new = parse("results get key"), parse("results show key")
    assert old.run is new.run
    assert old.key == new.key == "key"
    assert "get" not in help_of(capsys, "results").split()
    assert "get" not in usage_error(capsys, "results xyz").split()


def test_only_the_window_and_the_screenshot_load_qt_and_the_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, importlib\n"
        "from pulse_desktop.cli import main\n"
        "main.make_parser()\n"
        "early = set(sys.modules)\n"
        "for name in ('connection', 'machine_checks', 'server_checks'):\n"
        "    importlib.import_module('pulse_desktop.cli.' + name)\n"
        "import pulse_desktop.session.session, pulse_desktop.embedded.stack\n"
        "qt = {'PySide6', 'shiboken6', 'qasync', 'pyqtgraph', 'numpy'}\n"
        "slow = {'nats', 'httpx', 'psutil', 'asyncio'}\n"
        "print(sorted(qt & set(sys.modules)), sorted(slow & early))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_the_pages_and_sizes_in_the_help_are_those_of_the_window() -> None:
    pytest.importorskip("PySide6")
    from pulse_desktop.cli.argument_types import MIN_SIZE
    from pulse_desktop.ui.pages.registry import PAGES
    from pulse_desktop.ui.shell import window

    assert tuple(page.key for page in PAGES) == PAGE_NAMES
    assert window.MIN_SIZE == MIN_SIZE


def test_a_worker_command_needs_a_name_and_a_known_log_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = parse("worker log-level worker-1 debug")
    assert (arguments.worker_command, arguments.name, arguments.level) == (
        "log-level",
        "worker-1",
        "DEBUG",
    )
    assert "INFO" in usage_error(capsys, "worker log-level worker-1 loud")
    assert "NAME" in usage_error(capsys, "worker pause")
    assert "TASK_ID" in usage_error(capsys, "cancel")


@pytest.mark.parametrize("option", ["--subject", "--consumer", "--bucket"])
def test_a_name_that_no_server_accepts_is_a_usage_error(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse_arguments([option, "x" * 5_000, "status"])
    assert exit_info.value.code == 2
    assert len(capsys.readouterr().err) < 1_000


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("tail tasks --since 30m -n 3 -- type:failed", "words", ["tasks", "type:failed"]),
        ("tail tasks --since 30m type:failed -n 3", "words", ["tasks", "type:failed"]),
        ("tail --since 1h -- tasks -type:started", "words", ["tasks", "-type:started"]),
        ("tail tasks --since 1h -- -type:started", "words", ["tasks", "-type:started"]),
        ("tail tasks --since 1h", "words", ["tasks"]),
        ("tail", "words", []),
        ("runs task:a --limit 3 state:failed --json ran>5s", "query", None),
        ("groups state:new --since 2d -- -task:a", "words", ["state:new", "-task:a"]),
        ("groups mute --json 3f9c0e6a4121", "words", ["mute", "3f9c0e6a4121"]),
    ],
)
def test_words_of_a_query_stand_anywhere(line: str, name: str, expected: list[str] | None) -> None:
    expected = ["task:a", "state:failed", "ran>5s"] if expected is None else expected
    assert getattr(parse(line), name) == expected
    assert getattr(parse(line), name) == expected, "a default is not changed by what is parsed"


@pytest.mark.parametrize(
    "line",
    ["tail tasks --nosuch 1 type:failed", "runs -x", "runs task:a -n 3 b", "status more --json x"],
)
def test_what_is_neither_word_nor_option_is_refused(
    capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert "unrecognized arguments: " in usage_error(capsys, line)


@pytest.mark.parametrize("line", ["replay a.zst --theme light", "--theme light replay a.zst"])
def test_the_theme_stands_before_or_after_the_recording(line: str) -> None:
    assert parse(line).theme == "light"
    assert parse("replay a.zst").theme is None


@pytest.mark.parametrize("line", ["record x.zst --for", "runs --lim 5", "--vers"])
def test_the_beginning_of_an_option_is_not_the_option(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(line)
    assert ended.value.code == 2
    assert "unrecognized arguments: --" in capsys.readouterr().err
