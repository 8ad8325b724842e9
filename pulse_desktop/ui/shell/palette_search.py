"""What the palette lists for what is typed: actions and things, the most likely first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pulse_desktop.ui.page.actions import Action, ActionTable
from pulse_desktop.ui.shell.actions import OPEN_PALETTE, QUIT
from pulse_desktop.ui.shell.fuzzy_match import SearchTexts, is_scattered, ranked_matches

MAX_BEST: Final = 4
"""Actions listed before the things that are found, if they have the typed words."""


@dataclass(frozen=True)
class Entry:
    """An entry of the palette.

    Attributes:
        action: its title, note and icon.
        run: carries it out.
        is_enabled: whether that is possible now; if not, the note says what it needs.
    """

    action: Action
    run: Callable[[], object]
    is_enabled: bool = True


def no_things(_text: str) -> Sequence[Entry]:
    """Return no entries: there is nothing to be found."""
    return ()


def no_ids() -> Sequence[str]:
    """Return no ids: no action is more likely than another."""
    return ()


class PaletteSearch:
    """Searches the actions that are available, and what else can be found."""

    def __init__(
        self,
        actions: ActionTable,
        find: Callable[[str], Sequence[Entry]] = no_things,
        likely: Callable[[], Sequence[str]] = no_ids,
    ) -> None:
        """Create it.

        Args:
            actions: the table of the window.
            find: returns what is found by a text besides actions.
            likely: returns the ids of the actions that one most likely wants now, in order.
        """
        self._actions = actions
        self._find = find
        self._likely = likely

    def entries(self, query: str) -> list[Entry]:
        """Return the entries for a query, the best first; the likely actions without one."""
        available = [
            action
            for action in self._actions.available()
            if action is not OPEN_PALETTE and (action is not QUIT or query.strip())
        ]
        likely: dict[str, int] = {}
        for id_ in self._likely():
            likely.setdefault(id_, len(likely))
        available.sort(key=lambda action: likely.get(action.id, len(likely)))
        if not query.strip():
            return list(map(self._entry, available))
        ranked = ranked_matches(query, ((_search_texts(each), each) for each in available))
        best = [self._entry(action) for rank, action in ranked if not is_scattered(rank)]
        rest = [self._entry(action) for rank, action in ranked if is_scattered(rank)]
        first = [*best[:MAX_BEST], *self._unavailable(query)]
        return [*first, *self._find(query), *best[MAX_BEST:], *rest]

    def _unavailable(self, query: str) -> list[Entry]:
        """Return the actions with the typed words in their titles that need something first."""
        actions = ((SearchTexts(each.title), each) for each in self._actions.unavailable())
        ranked = ranked_matches(query, actions)
        named = [action for rank, action in ranked if not is_scattered(rank)]
        return [self._entry(action, is_enabled=False) for action in named[:MAX_BEST]]

    def _entry(self, action: Action, *, is_enabled: bool = True) -> Entry:
        shown = action if is_enabled else replace(action, note=action.needs)
        return Entry(shown, lambda: self._actions.run(action.id), is_enabled)


def _search_texts(action: Action) -> SearchTexts:
    more = f"{action.group} {action.keywords} {action.note}"
    return SearchTexts(action.title, action.name, more)
