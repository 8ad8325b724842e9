"""The document of the query language names all fields, and no others; its examples are queries."""

import re
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.fields.agent_fields import agent_fields
from pulse_desktop.fields.event_fields import event_fields
from pulse_desktop.fields.group_fields import group_fields
from pulse_desktop.fields.knowledge_fields import knowledge_fields
from pulse_desktop.fields.message_fields import message_fields
from pulse_desktop.fields.metric_fields import metric_fields
from pulse_desktop.fields.provider_fields import provider_fields
from pulse_desktop.fields.result_fields import result_fields
from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.fields.worker_fields import worker_fields
from pulse_desktop.query import FieldSet, compile_query, parse

DOCUMENT = (Path(__file__).parents[3] / "docs" / "query-language.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")


def section(title: str) -> str:
    """Return the text of a section."""
    return DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


FIELD_SETS: dict[str, FieldSet[Any]] = {
    "Runs": run_fields(),
    "Events": event_fields(),
    "Workers": worker_fields(),
    "Results": result_fields(),
    "Messages": message_fields(),
    "Findings": knowledge_fields(),
    "Agent calls": agent_fields(),
    "Providers": provider_fields(),
    "Metrics": metric_fields(),
    "Failure groups": group_fields(lambda group: group.count),
}


@pytest.mark.parametrize(("title", "fields"), FIELD_SETS.items())
def test_all_fields_are_described(title: str, fields: FieldSet[Any]) -> None:
    rows = [line for line in section(title).splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in CODE.findall(row.split("|")[1])}
    assert {name for name in named if "." not in name} == set(fields.names())
    for name in named:
        if "." in name:
            base = fields.fields[name.partition(".")[0]]
            assert base.keyed


def test_examples_are_queries() -> None:
    block = DOCUMENT.split("```")[1].strip()
    examples = [block, *CODE.findall(section("Arguments")), *CODE.findall(section("Comparisons"))]
    compiled = 0
    for text in examples:
        if re.match(r'[-(]|not |[a-z.]+("[^"]+")?(\.\w+)*[:=<>!]+[^ .]', text):
            compile_query(parse(text), run_fields(), 1e9)
            compiled += 1
    assert compiled > 10
