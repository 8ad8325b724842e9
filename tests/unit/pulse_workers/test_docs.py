"""docs/workers.md says what the program says: its table of settings, its files, its links."""

import re
import tomllib
from pathlib import Path

from pulse_workers.cli.parser import make_parser
from pulse_workers.config.settings import VARIABLES, Settings, load_settings
from pydantic import SecretStr

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "workers.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def settings_table() -> str:
    """The table as it should stand in the document."""
    standard = Settings()
    lines = ["| variable | key in a file | what | default |", "|---|---|---|---|"]
    for name, (variable, meaning) in VARIABLES.items():
        lines.append(f"| `{variable}` | `{name}` | {meaning} | {_shown(getattr(standard, name))} |")
    return "\n".join(line.replace("  |", " |") for line in lines)


def _shown(value: object) -> str:
    if isinstance(value, SecretStr) or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"{value:.10g}" if isinstance(value, int | float) else f"`{value}`"


def test_the_table_of_settings_is_the_programs() -> None:
    found = re.search(
        r"<!-- settings:.*?-->\n\n?(.*?)\n?\n?<!-- end of settings -->", TEXT, re.DOTALL
    )
    assert found
    assert found[1].strip() == settings_table()


def test_every_variable_and_command_that_is_named_there_is() -> None:
    roles = {"PULSE_WORKER_PASSWORD", "PULSE_OPERATOR_PASSWORD", "PULSE_VIEWER_PASSWORD"}
    known = {variable for variable, _ in VARIABLES.values()} | roles | {"PULSE_CONFIG"}
    assert set(re.findall(r"PULSE_[A-Z_]+(?=[`= ])", TEXT)) - {"PULSE_EVENTS"} <= known
    commands = make_parser().format_help()
    for command in set(re.findall(r"bin/pulse-worker ([a-z]+)", TEXT)):
        assert re.search(rf"(?m)^    {command}\b", commands), command


def test_the_example_of_a_file_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "worker.toml"
    file.write_text(example)
    settings = load_settings({}, config=str(file))
    assert len(settings.servers) == 3
    assert settings.model_fields_set == set(tomllib.loads(example))


def test_what_it_points_to_is_there() -> None:
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
