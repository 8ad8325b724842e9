"""Why `runs` lists no run."""

from argparse import Namespace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pulse_desktop.cli.run_query import RunQuery
from tests.kit.state_builder import NOW, StateBuilder

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session


@pytest.mark.parametrize(
    ("query", "close"), [("LANGUAGE=pl", "language"), ("label.Tenant=acme", "tenant")]
)
def test_a_name_that_is_written_otherwise_is_told(query: str, close: str) -> None:
    builder = StateBuilder()
    builder.task("a" * 32, language="pl")
    builder.labelled("b" * 32, {"tenant": "acme"})
    config = SimpleNamespace(profile=SimpleNamespace(query_name="local"))
    session = cast("Session", SimpleNamespace(state=builder.state, config=config))
    asked = RunQuery(Namespace(query=[query], state=None))
    reason, *_others = asked.why_nothing_matches(session, 0.0, NOW)
    assert f"Did you mean “{close}”?" in reason
