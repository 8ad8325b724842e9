"""Messages repeat no more of an argument than is needed to recognize it."""

from pathlib import Path

import pytest

from pulse_desktop.cli.query_errors import print_query_error
from pulse_desktop.query import QueryError, parse
from tests.kit.cli_process import command_environment, run_in_process

LONG = "words " * 1_000


@pytest.mark.parametrize("words", [("no-id", LONG), (LONG, "text"), (LONG, LONG)])
def test_a_wrong_id_of_a_group_repeats_no_long_text(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run_in_process("groups", "note", *words, env=command_environment(tmp_path))
    assert done.code == 2
    assert words[0][:20].strip() in done.err
    assert "…" in done.err
    assert len(done.err) < 700


def test_only_one_group_is_described_at_once(tmp_path: Path) -> None:
    ids = ("3f9c0e6a4121", "0123456789ab")
    done = run_in_process("groups", "show", *ids, env=command_environment(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert "Give one id" in done.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("word " * 600, ""),
        ("word " * 100 + "args.=x " + "word " * 100, "args."),
        ("word " * 100 + '"' + "word " * 100, '"word '),
        ('"' + "word " * 100, '"word '),
        ("word " * 100 + "state:", "state:"),
        ('args.="x"', "args."),
    ],
)
def test_an_error_in_a_long_query_shows_its_place(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    print_query_error(text, caught.value)
    _message, line, mark = capsys.readouterr().err.splitlines()
    assert len(line) < 170
    assert len(mark) <= len(line)
    assert line[mark.index("^") :].startswith(shown)
    assert len(shown) <= mark.count("^")
