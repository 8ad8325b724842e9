"""Figures of the built-in provider on the held-out messages, as docs/agents.md states them."""

from pulse_workers.chat.providers.builtin.provider import BuiltinProvider

from tests.labelled.evaluation import figures_of, outcomes_of


async def test_the_figures_on_held_out_messages_hold() -> None:
    first = await outcomes_of(BuiltinProvider(), "held_out")
    second = await outcomes_of(BuiltinProvider(), "second_held_out")
    for outcomes in (first, second):
        figures = figures_of(outcomes)
        assert figures.macro_f1 >= 0.9
        assert figures.signal_recall >= 0.98
        assert figures.not_judged == 0
    for outcomes in (second, first + second):
        figures = figures_of(outcomes)
        assert figures.atom_precision >= 0.85
        assert figures.atom_recall >= 0.4
