"""A run on several processes mixes the files that wait with those that compute, and loses none."""

from pathlib import Path
from typing import Final, NamedTuple

from tests.kit.file_order import mixed

ROOT: Final = Path("/tests")


class _Item(NamedTuple):
    """A test of a file."""

    path: Path
    number: int


def files_of(kind: str, files: int, each: int = 2) -> list[_Item]:
    return [
        _Item(ROOT / kind / f"test_{file:02}.py", number)
        for file in range(files)
        for number in range(each)
    ]


def kinds_of(tests: list[_Item]) -> list[str]:
    return [test.path.parts[2] for test in tests]


def test_no_test_is_lost_and_those_of_a_file_stay_together_in_their_order() -> None:
    tests = [*files_of("integration", 7), *files_of("ui", 20, 3), *files_of("unit", 40)]
    order = mixed(tests, ROOT)
    assert sorted(order) == sorted(tests)
    files = list(dict.fromkeys(test.path for test in order))
    assert order == [test for file in files for test in tests if test.path == file]


def test_the_files_of_each_folder_are_spread_over_the_run() -> None:
    order = kinds_of(mixed([*files_of("e2e", 10), *files_of("ui", 20)], ROOT))
    for start in range(0, len(order) - 12, 6):
        assert set(order[start : start + 12]) == {"e2e", "ui"}, start
    assert order[-1] == "ui"  # short ones


def test_files_with_most_tests_come_first() -> None:
    few, many = files_of("unit", 1, 2), files_of("unit", 2, 9)[9:]
    assert mixed([*few, *many], ROOT) == [*many, *few]


def test_each_process_has_the_same_order() -> None:
    tests = [*files_of("integration", 7), *files_of("ui", 7), *files_of("unit", 7)]
    files = list(dict.fromkeys(test.path for test in tests))
    backwards = [test for file in reversed(files) for test in tests if test.path == file]
    assert mixed(backwards, ROOT) == mixed(tests, ROOT)
