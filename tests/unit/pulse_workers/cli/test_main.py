"""Exit status, help and messages of `pulse-worker`."""

import argparse
import subprocess
import sys

import pytest
from pulse_workers.cli.main import main
from pulse_workers.cli.parser import make_parser

from pulse_desktop import __version__


def commands(parser: argparse.ArgumentParser, *path: str) -> list[tuple[str, ...]]:
    """Return the words of every command that can be run."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return [
                words
                for name, command in action.choices.items()
                for words in commands(command, *path, name)
            ]
    return [path]


IMPORTED = (
    "import sys\n"
    "from pulse_workers.cli.main import main\n"
    "code = main(sys.argv[1:])\n"
    "print(code, *sys.modules)\n"
)


@pytest.mark.parametrize(
    ("words", "code", "more"),
    [
        (("--version",), 0, {"asyncio", "nats", "pydantic"}),
        (("health", "--wait", "1", "--server", "nats://127.0.0.1:1"), 3, {"pulse_workers.chat"}),
    ],
)
def test_a_command_imports_only_what_it_needs(
    words: tuple[str, ...], code: int, more: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found, *modules = done.stdout.splitlines()[-1].split()
    assert int(found) == code, done
    assert not {"aiohttp", "httpx", "numpy", "taskiq", *more} & set(modules)


def test_the_version_is_that_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    short = capsys.readouterr().out
    with pytest.raises(SystemExit):
        make_parser().parse_args(["--version"])
    assert capsys.readouterr().out == short == f"pulse-worker {__version__}\n"


@pytest.mark.parametrize("words", commands(make_parser()), ids=" ".join)
def test_every_command_has_help_for_itself_and_the_common_options(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    output = capsys.readouterr().out
    assert f"pulse-worker {' '.join(words)}" in output
    assert "--server URL" in output


def test_invalid_usage_exits_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--slots", "none"])
    assert ended.value.code == 2
    assert "whole number above 0" in capsys.readouterr().err


def test_an_unknown_key_in_the_settings_file_exits_with_status_2(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("settings") / "worker.toml"
    file.write_text("slotts = 3")
    assert main(["run", "--config", str(file)]) == 2
    assert "Did you mean slots?" in capsys.readouterr().err
