"""docs/agents.md agrees with the program: its tables and its example."""

import re
from pathlib import Path

import msgspec
import pytest
from pulse_workers.chat.providers.configuration import (
    AgentConfiguration,
    EmbeddingConfiguration,
    ProviderConfiguration,
)
from pulse_workers.chat.providers.configuration_file import load_configuration
from pulse_workers.config.settings import VARIABLES, Settings

ROOT = Path(__file__).parents[5]
DOCUMENT = ROOT / "docs" / "agents.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("table", "struct"),
    [
        ("providers", ProviderConfiguration),
        ("agents", AgentConfiguration),
        ("embedding", EmbeddingConfiguration),
    ],
)
def test_each_table_has_all_keys_and_their_defaults(
    table: str, struct: type[msgspec.Struct]
) -> None:
    found = re.search(rf"<!-- {table}: .*?-->(.*?)<!-- end of {table} -->", TEXT, re.DOTALL)
    assert found
    rows = re.findall(r"(?m)^\| `(\w+)` \| .* \| (.*?) ?\|$", found[1])
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    assert sorted(name for name, _default in rows) == sorted(fields)
    for name, default in rows:
        value = fields[name].default
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert default == f"{value:g}", name
        elif isinstance(value, str):
            assert default == (f"`{value}`" if value else ""), name


def test_the_example_is_valid(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    examples += re.findall(r"(?s)<<'END'\n(.*?)END\n", TEXT)
    assert len(examples) == 2
    file = tmp_path / "providers.toml"
    for example in examples:
        file.write_text(example)
        configuration = load_configuration(Settings(providers_file=str(file)))
        assert configuration.providers
        assert configuration.embedding.provider != "builtin"


def test_variables_links_and_modules_exist() -> None:
    assert set(re.findall(r"PULSE_[A-Z_]+", TEXT)) <= {name for name, _text in VARIABLES.values()}
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", TEXT):
        assert (DOCUMENT.parent / target).exists(), target
    for path in re.findall(r"`((?:workers|tests)/[\w/.]+)`", TEXT):
        assert (ROOT / path).exists(), path
