"""Texts about what is stored on a server and cannot be read."""

from collections.abc import Iterable, Mapping

from pulse_desktop.text import formats
from pulse_desktop.text.translation import _


def describe_unreadable(problems: Mapping[str, str]) -> list[str]:
    """Return one sentence without its full stop for each reason.

    Args:
        problems: the reasons, by `events`, `tasks` and `results`.
    """
    names = {"events": _("events"), "tasks": _("tasks"), "results": _("results")}
    by_problem: dict[str, list[str]] = {}
    for source, problem in problems.items():
        by_problem.setdefault(problem, []).append(names[source])
    return [f"{', '.join(sources)}: {problem}" for problem, sources in by_problem.items()]


def unreadable_text(problems: Mapping[str, str], sources: Iterable[str]) -> str:
    """Return whole sentences about some of the sources; empty when they can be read."""
    chosen = {source: problems[source] for source in sources if source in problems}
    return " ".join(map(formats.sentence, describe_unreadable(chosen)))
