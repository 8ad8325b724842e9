"""Man pages and shell completion of both programs."""

import re
import shutil
import subprocess
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import pytest
from pulse_workers.cli.parser import make_parser as make_worker_parser
from release.command_docs import Shell, manual_page, shell_completion

from pulse_desktop.cli.main import make_parser

NOON = 1_795_435_200
SHELLS: tuple[Shell, ...] = ("bash", "zsh", "fish")


def commands_and_options(parser: ArgumentParser) -> list[str]:
    """Return the commands and the long options in the help of a program."""
    text = parser.format_help()
    commands = re.findall(r"^    ([a-z-]+)  ", text, re.MULTILINE)
    return [*commands, *re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)]


@pytest.mark.parametrize("make", [make_parser, make_worker_parser])
def test_the_man_page_has_every_command_and_option(make: Callable[[], ArgumentParser]) -> None:
    page = manual_page(make(), "1.0", NOON)
    name = make().prog.upper().replace("-", "\\-")
    assert page.startswith(f'.TH {name} "1" "2026\\-11\\-23" "Pulse Desktop 1.0"')
    for word in commands_and_options(make()):
        assert word.replace("-", "\\-") in page
    assert "%(prog)s" not in page
    assert str(Path.home()) not in page


def test_hidden_commands_and_options_are_in_neither() -> None:
    texts = [manual_page(make_parser(), "1.0", NOON)]
    texts += [shell_completion(make_parser(), shell) for shell in SHELLS]
    for text in texts:
        for hidden in ("anyway", "results get", "results_get"):
            assert hidden not in text


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
@pytest.mark.parametrize("make", [make_parser, make_worker_parser])
def test_man_has_no_warning_about_the_page(
    make: Callable[[], ArgumentParser], tmp_path: Path
) -> None:
    page = tmp_path / "page.1"
    page.write_text(manual_page(make(), "1.0", NOON))
    done = subprocess.run(
        ["man", "--warnings", "-l", page],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "PATH": "/usr/bin:/bin"},
    )
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ta",), "tail"),
        (("results", ""), "list show save"),
        (
            ("results", "-"),
            (
                "-h --help --server --profile --subject --consumer --bucket --stream "
                "--subject-prefix --json "
                "--user --password-file --token-file --credentials --creds --nkey-file --nkey "
                "--tls-ca --tls-cert --tls-key --tls-first --inbox-prefix --js-domain "
                "--js-api-prefix"
            ),
        ),
        (("--server", "nats://x:1", "results", "sh"), "show"),
        (("screenshot", "--page", "ov"), "overview"),
        (("screenshot", "--out", "pic"), "picture.png"),
        (("--theme", "l"), "light"),
    ],
)
def test_bash_completes(tmp_path: Path, words: tuple[str, ...], offered: str) -> None:
    script = tmp_path / "completion"
    script.write_text(shell_completion(make_parser(), "bash"))
    (tmp_path / "picture.png").touch()
    line = " ".join(f"'{word}'" for word in ("pulse-desktop", *words))
    command = (
        f". {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _shtab_pulse_desktop; "
        "echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
        cwd=tmp_path,
    )
    assert (done.stdout.strip(), done.stderr) == (offered, "")


@pytest.mark.parametrize("make", [make_parser, make_worker_parser])
def test_zsh_and_fish_complete_every_command(make: Callable[[], ArgumentParser]) -> None:
    complete = shell_completion
    zsh, fish = complete(make(), "zsh"), complete(make(), "fish")
    assert zsh.startswith(f"#compdef {make().prog}\n")
    assert f"complete -c {make().prog} " in fish
    for word in commands_and_options(make()):
        assert word in zsh
        assert word.lstrip("-") in fish
