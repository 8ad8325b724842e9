"""Short names of tasks and workers that stay distinct from each other."""

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from pulse_desktop.protocol.task_names import task_name_forms

_MAX_NAMES: Final = 5_000  # senders choose the names


class ShortNames:
    """Shortens names as far as no two of the known names look alike."""

    def __init__(self, forms: Callable[[str], Sequence[str]]) -> None:
        """Create a set without names.

        Args:
            forms: returns the forms of a name, the shortest first.
        """
        self._forms = forms
        self._names: set[str] = set()
        self._uses: Counter[str] = Counter()  # number of names by form
        self._labels: dict[str, str] = {}

    @property
    def known(self) -> AbstractSet[str]:
        """The names added so far."""
        return self._names

    def add(self, name: str) -> None:
        """Add a name, so that others are told apart from it."""
        if name in self._names or not name or len(self._names) >= _MAX_NAMES:
            return
        self._names.add(name)
        self._uses.update(self._forms(name))
        self._labels.clear()

    def label(self, name: str) -> str:
        """Return the shortest form of a name that no other name has; the name is added."""
        label = self._labels.get(name)
        if label is None:
            self.add(name)
            if len(self._labels) > _MAX_NAMES:
                self._labels.clear()
            own = int(name in self._names)
            forms = (form for form in self._forms(name) if self._uses[form] <= own)
            label = self._labels[name] = next(forms, name)
        return label


class WorkerNames(ShortNames):
    """Short names of workers; a worker that was restarted keeps its name."""

    def __init__(self) -> None:
        super().__init__(lambda name: (name.partition("@")[0] or name, name))

    def add(self, name: str) -> None:
        """Add the identity of a worker, such as `worker-1@host:7`."""
        super().add(without_process(name))

    def label(self, name: str) -> str:
        """Return `worker-1`, or `worker-1@host` while another host has a worker of this name."""
        return super().label(without_process(name))


def short_name(task_name: str) -> str:
    """Return the shortest form of a task's name, which other tasks may share."""
    return task_name_forms(task_name)[0]


def without_process(identity: str) -> str:
    """Return the name and host of a worker, which a restart keeps: `worker-1@host`."""
    name, colon, process = identity.rpartition(":")
    return name if colon and "@" in name and process.isdigit() else identity
