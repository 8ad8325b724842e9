"""Navigation targets: where in the window to go, as values that mypy checks."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.matcher import compile_query
from pulse_desktop.query.parser import parse
from pulse_desktop.query.syntax import FreeText

TASKS_PAGE: Final = "tasks"
OVERVIEW_PAGE: Final = "overview"
_STATES: Final = frozenset(state.value for state in RunState)


@dataclass(frozen=True, slots=True)
class ShowPage:
    """Show a page as it is.

    Attributes:
        page: its key.
    """

    page: str


@dataclass(frozen=True, slots=True)
class ShowRun:
    """Show the details of a run on the Tasks page.

    Attributes:
        task_id: of the run.
        wait: wait for a run that is not known yet, such as one that was just enqueued.
    """

    task_id: str
    wait: bool = False
    page: ClassVar[str] = TASKS_PAGE


@dataclass(frozen=True, slots=True)
class FilterRuns:
    """Show the matching runs on the Tasks page.

    Attributes:
        states: states to show, empty for all.
        query: what they match besides.
        max_age_s: maximum age of the runs in seconds, 0 for the time range that is shown.
        everything: whether the time range is set to all that is retained.
        why: what is shown, such as "15 failed runs of this group"; empty for the usual text.
    """

    states: Sequence[RunState] = ()
    query: str = ""
    max_age_s: float = 0.0
    why: str = ""
    everything: bool = False
    page: ClassVar[str] = TASKS_PAGE


@dataclass(frozen=True, slots=True)
class ShowGroups:
    """Show the failure groups on the Tasks page.

    Attributes:
        group_id: of the group to open, empty for none.
    """

    group_id: str = ""
    page: ClassVar[str] = TASKS_PAGE


@dataclass(frozen=True, slots=True)
class ShowAttention:
    """Show what needs attention, on the Overview page, with the keyboard focus on it."""

    page: ClassVar[str] = OVERVIEW_PAGE


@dataclass(frozen=True, slots=True)
class ShowItem:
    """Show the details of an item of a page, or filter by its id while the item is unknown.

    Attributes:
        page: key of the page.
        id: of the item, such as the id of a worker or the key of a result.
    """

    page: str
    id: str


@dataclass(frozen=True, slots=True)
class FilterPage:
    """Show the items of a page that contain a text.

    Attributes:
        page: key of the page.
        text: words to search for.
    """

    page: str
    text: str


@dataclass(frozen=True, slots=True)
class OpenView:
    """Open a saved view of a page.

    Attributes:
        page: key of the page.
        name: of the view.
        tab: key of the tab that has the view; empty for that which has the key of the page.
    """

    page: str
    name: str
    tab: str = ""


Target = (
    ShowPage | ShowRun | FilterRuns | ShowGroups | ShowAttention | ShowItem | FilterPage | OpenView
)


def parse_target(page: str, text: str) -> Target:
    """Return the target that a text on the command line names.

    `run:ID` is a run on the page of runs, `groups` and `groups:ID` are its failure groups, any
    other text a query for it; on other pages it is the id of an item, a word, or a query.

    Args:
        page: key of the page.
        text: of the command line, empty for the page as it is.

    Raises:
        ValueError: the text is not a query, or names a state that does not exist.
    """
    if not text:
        return ShowPage(page)
    kind, _, rest = text.partition(":")
    if page == TASKS_PAGE and kind == "run":
        return ShowRun(rest)
    if page == TASKS_PAGE and kind == "groups":
        return ShowGroups(rest)
    if page == TASKS_PAGE and kind == "state" and rest in _STATES:
        return FilterRuns((RunState(rest),))
    is_one_word = isinstance((query := parse(text)).root, FreeText)
    if page != TASKS_PAGE:
        return ShowItem(page, text) if is_one_word else FilterPage(page, text)
    if is_one_word:
        return ShowRun(text)
    compile_query(query, run_fields(), time.time())
    return FilterRuns(query=text)
