"""Exit status, help and messages of `pulse-worker`."""

import argparse

import pytest
from pulse_workers.cli.main import main
from pulse_workers.cli.parser import make_parser


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
