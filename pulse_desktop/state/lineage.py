"""Which runs belong together: parents and children, originals and re-runs.

Kept beside the runs, so that the relatives of a run are found without looking at all of them. A run
that nothing enqueued and that repeats nothing costs nothing here; any other adds its own links,
which go when it goes. The order in which runs arrive does not matter: a link names an id, whose
run may be known already, later or never.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pulse_desktop.protocol.task_lineage import collected_ids
from pulse_desktop.state.run import TaskRun

MAX_COLLECTED: Final = 200_000
"""Links to tasks whose results another task collects; these are not bounded by the runs."""
_MAX_ANCESTORS: Final = 50


class _Links(NamedTuple):
    """What one run says of its relatives."""

    parent: str
    original: str
    collected: tuple[str, ...]


_NO_LINKS: Final = _Links("", "", ())


class Lineage:
    """The links between runs, by task id."""

    def __init__(self, max_collected: int = MAX_COLLECTED) -> None:
        """Create an empty index.

        Args:
            max_collected: maximum number of links to tasks whose results another one collects.
        """
        self._max_collected = max_collected
        self._links: dict[str, _Links] = {}
        self._children: dict[str, list[str]] = {}
        self._reruns: dict[str, list[str]] = {}
        self._collectors: dict[str, str] = {}

    def __len__(self) -> int:
        """Return the number of runs with links to others."""
        return len(self._links)

    def put(self, run: TaskRun) -> None:
        """Add the links of a run, or replace them. Cheap if they are the same."""
        task_id = run.task_id
        before = self._links.get(task_id, _NO_LINKS)
        parent = run.parent if run.parent != task_id else ""
        original = run.rerun_of if run.rerun_of != task_id else ""
        collected = before.collected
        if not collected and parent and run.request is not None:
            collected = collected_ids(run.name, run.request.args)
            if len(self._collectors) + len(collected) > self._max_collected:
                collected = ()
        links = _Links(parent, original, collected)
        if links == before:
            return
        _move(self._children, task_id, before.parent, parent)
        _move(self._reruns, task_id, before.original, original)
        for each in collected:
            self._collectors[each] = task_id
        self._links[task_id] = links

    def remove(self, task_id: str) -> None:
        """Remove the links that a run added. Those of other runs to it stay."""
        links = self._links.pop(task_id, None)
        if links is None:
            return
        _move(self._children, task_id, links.parent, "")
        _move(self._reruns, task_id, links.original, "")
        for each in links.collected:
            if self._collectors.get(each) == task_id:
                del self._collectors[each]

    def parent(self, task_id: str) -> str:
        """Return the id of the run that enqueued a run, empty if it is unknown."""
        parent = self._links.get(task_id, _NO_LINKS).parent
        if parent:
            return parent
        # The tasks of a mapping step are enqueued by the run that the collecting task follows.
        return self._links.get(self._collectors.get(task_id, ""), _NO_LINKS).parent

    def ancestors(self, task_id: str) -> list[str]:
        """Return the parent of a run, its parent, and so on."""
        found: dict[str, None] = {task_id: None}
        while len(found) <= _MAX_ANCESTORS:
            parent = self.parent(task_id)
            if not parent or parent in found:
                break
            found[parent] = None
            task_id = parent
        return list(found)[1:]

    def children(self, task_id: str) -> Sequence[str]:
        """Return the ids of the runs that a run enqueued, in the order of their arrival."""
        children = self._children.get(task_id, ())
        collected = [
            each
            for child in children
            for each in self._links[child].collected
            if self._links.get(each, _NO_LINKS).parent != task_id
        ]
        return [*collected, *children]

    def original(self, task_id: str) -> str:
        """Return the id of the run that a run repeats, empty if it repeats none."""
        return self._links.get(task_id, _NO_LINKS).original

    def originals(self, task_id: str) -> list[str]:
        """Return the run that a run repeats, the one that this repeats, and so on."""
        found: dict[str, None] = {task_id: None}
        while len(found) <= _MAX_ANCESTORS:
            original = self.original(task_id)
            if not original or original in found:
                break
            found[original] = None
            task_id = original
        return list(found)[1:]

    def reruns(self, task_id: str) -> Sequence[str]:
        """Return the ids of the runs that repeat a run, in the order of their arrival."""
        return self._reruns.get(task_id, ())


def _move(index: dict[str, list[str]], task_id: str, before: str, after: str) -> None:
    """Move an id in an index from one key to another; an empty key is none."""
    if before == after:
        return
    if before and (ids := index.get(before)) is not None:
        ids.remove(task_id)
        if not ids:
            del index[before]
    if after:
        index.setdefault(after, []).append(task_id)
