"""Figures of the built-in provider on the held-out messages, as docs/agents.md states them."""

import itertools

import pytest
from pulse_workers.chat.providers.builtin.provider import BuiltinProvider

from tests.labelled.evaluation import figures_of, outcomes_of


@pytest.mark.parametrize(
    "files",
    [
        ("second_held_out",),
        pytest.param(("second_held_out", "held_out"), marks=pytest.mark.slow),
    ],
    ids="+".join,
)
async def test_the_figures_on_held_out_messages_hold(files: tuple[str, ...]) -> None:
    by_file = [await outcomes_of(BuiltinProvider(), file) for file in files]
    for outcomes in by_file:
        figures = figures_of(outcomes)
        assert figures.macro_f1 >= 0.9
        assert figures.signal_recall >= 0.98
        assert figures.not_judged == 0
    for outcomes in (by_file[0], list(itertools.chain(*by_file))):
        figures = figures_of(outcomes)
        assert figures.atom_precision >= 0.85
        assert figures.atom_recall >= 0.4
