"""The documents for contributors name files and links that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASES = (ROOT, ROOT / "pulse_desktop", ROOT / "workers" / "pulse_workers", ROOT / "tests")
CODE_PATH = re.compile(r"`([a-z_]+(?:/[a-z_0-9-]+)*/?(?:[a-z_0-9-]+\.(?:py|md|toml))?)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("name", ["architecture.md", "contributing.md"])
def test_paths_in_documents_exist(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    paths = {path.removeprefix("pulse_workers/") for path in CODE_PATH.findall(text) if "/" in path}
    missing = [path for path in paths if not any((base / path).exists() for base in BASES)]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]
