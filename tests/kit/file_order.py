"""The order of test files in a run on several processes, which keeps the processors busy.

Tests with servers and workers mostly wait, those of the window and of single modules compute. If
all files of a kind ran at once, the processes would first compete for the processors, and would
later all wait.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Final, Protocol, TypeVar

ROOT: Final = Path(__file__).parents[1]
_WAITING: Final = frozenset({"e2e", "integration"})
_END_OF_WAITING: Final = 0.9
"""Part of the run by which all files that wait have begun: they take longest, so are not last."""


class _Test(Protocol):
    @property
    def path(self) -> Path:
        """Its file, within `ROOT`."""


TestT = TypeVar("TestT", bound=_Test)


def mixed(tests: Iterable[TestT], root: Path = ROOT) -> list[TestT]:
    """Return tests with the files of each folder spread over the run, those with most tests first.

    Args:
        tests: in any order. Those of a file stay together, in their order.
        root: the folder of all tests.
    """
    files: dict[Path, list[TestT]] = {}
    for test in tests:
        files.setdefault(test.path, []).append(test)
    kinds: dict[str, list[Path]] = {}
    for path in sorted(files, key=lambda path: (-len(files[path]), path)):
        kinds.setdefault(path.relative_to(root).parts[0], []).append(path)
    positions = {
        path: (number + 0.5) / len(paths) * (_END_OF_WAITING if kind in _WAITING else 1.0)
        for kind, paths in kinds.items()
        for number, path in enumerate(paths)
    }
    order = sorted(files, key=lambda path: (positions[path], path))
    return list(chain.from_iterable(files[path] for path in order))
