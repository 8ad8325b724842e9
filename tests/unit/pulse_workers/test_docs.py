"""docs/workers.md agrees with the program: its settings table, examples and links."""

import re
import shlex
import tomllib
from pathlib import Path

from pulse_workers.cli.parser import make_parser
from pulse_workers.config.settings import VARIABLES, Settings, load_settings
from pydantic import SecretStr

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "workers.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def settings_table() -> str:
    """Return the table that the document must contain."""
    defaults = Settings()
    lines = ["| variable | key in a file | what | default |", "|---|---|---|---|"]
    for name, (variable, description) in VARIABLES.items():
        default = _format_default(getattr(defaults, name))
        lines.append(f"| `{variable}` | `{name}` | {description} | {default} |")
    return "\n".join(line.replace("  |", " |") for line in lines)


def _format_default(value: object) -> str:
    if isinstance(value, SecretStr) or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"{value:.10g}" if isinstance(value, int | float) else f"`{value}`"


def test_the_settings_table_matches_the_settings() -> None:
    found = re.search(
        r"<!-- settings:.*?-->\n\n?(.*?)\n?\n?<!-- end of settings -->", TEXT, re.DOTALL
    )
    assert found
    assert found[1].strip() == settings_table()


def test_every_variable_and_command_in_the_document_exists() -> None:
    roles = {"PULSE_WORKER_PASSWORD", "PULSE_OPERATOR_PASSWORD", "PULSE_VIEWER_PASSWORD"}
    known = {variable for variable, _description in VARIABLES.values()} | roles | {"PULSE_CONFIG"}
    assert set(re.findall(r"PULSE_[A-Z_]+(?=[`= ])", TEXT)) - {"PULSE_EVENTS"} <= known
    commands = make_parser().format_help()
    for command in set(re.findall(r"bin/pulse-worker ([a-z]+)", TEXT)):
        assert re.search(rf"(?m)^    {command}\b", commands), command


def test_the_example_settings_file_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "worker.toml"
    file.write_text(example)
    settings = load_settings({}, config=str(file))
    assert len(settings.servers) == 3
    assert settings.model_fields_set == set(tomllib.loads(example))


def test_links_and_paths_in_the_document_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", TEXT):
        assert (DOCUMENT.parent / target).exists(), target
    for path in re.findall(r"\b(packaging/[\w./-]*[\w/])", TEXT):
        assert list(ROOT.glob(path)) or list(ROOT.glob(f"{path}*")), path
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"(?m)^#+ (.+)$", TEXT)
    }
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for anchor in re.findall(r"docs/workers\.md#([\w-]+)", readme):
        assert anchor in anchors


def test_every_documented_command_is_accepted() -> None:
    """The slow tests run them."""
    blocks = "".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).replace("\\\n", " ")
    commands = re.findall(r"(?m)^(?:\w+=\S+ +)*\.venv/bin/pulse-worker (.+)$", blocks)
    assert len(commands) > 10
    for command in commands:
        words = re.split(r" [|>;&]", command, maxsplit=1)[0]
        make_parser().parse_args(shlex.split(words, comments=True))
