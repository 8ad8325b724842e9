"""Keeping marks of failure groups: several windows on one profile see the same."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from pulse_desktop.model.errors import OtherFailuresError
from pulse_desktop.model.group_marks import NO_GROUP_MARKS, GroupMarks, Mark, MarkKind
from pulse_desktop.query.fingerprint import OTHER
from pulse_desktop.session.local_state.group_mark_keeper import GroupMarkKeeper
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import LocalStateFile
from pulse_desktop.state.failure_group import GroupState
from pulse_desktop.state.system import SystemState
from tests.kit.background import in_background
from tests.kit.waiting import wait_until
from tests.unit.state.state_builders import NOW
from tests.unit.state.test_failure_groups import failed, only


class Window:
    """A state with one failure group, and the keeper of its marks."""

    def __init__(self, path: Path, who: str) -> None:
        self.state = SystemState()
        self.state.runs.put(failed(1, NOW))
        self.shown: list[GroupMarks] = []
        self.keeper = GroupMarkKeeper(
            LocalStateFile(path),
            self.state.failure_groups,
            lambda: who,
            lambda: NOW + 5,
            lambda: self.shown.append(self.marks),
            poll_s=0.01,
        )

    @property
    def group_id(self) -> str:
        return only(self.state.runs).id

    @property
    def marks(self) -> GroupMarks:
        return only(self.state.runs).marks


async def test_two_windows_see_each_others_marks(tmp_path: Path) -> None:
    one, two = (Window(tmp_path / "state.sqlite3", who) for who in ("bob@a", "ann@b"))
    async with in_background(one.keeper.run(), two.keeper.run()):
        await one.keeper.set_mark(one.group_id, MarkKind.RESOLVED)
        assert one.shown[-1] == one.marks  # without waiting for a frame
        await wait_until(lambda: two.marks == GroupMarks(resolved=Mark(NOW + 5, "bob@a")))
        assert only(two.state.runs).state is GroupState.RESOLVED
        await two.keeper.set_mark(two.group_id, MarkKind.NOTE, "on \x1b[31mit")
        await wait_until(lambda: one.marks.note == Mark(NOW + 5, "ann@b", r"on \x1b[31mit"))
        await two.keeper.remove_mark(two.group_id, MarkKind.RESOLVED)
        await wait_until(lambda: one.marks.resolved is None)
    later = Window(tmp_path / "state.sqlite3", "bob@a")
    await later.keeper.load()
    assert later.marks.note is not None
    for window in (one, two, later):
        await window.keeper.close()


async def test_marks_that_cannot_be_read_are_a_problem_that_heals(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    path.write_bytes(b"damaged" * 1000)
    window = Window(path, "bob@a")
    async with in_background(window.keeper.run()):
        await wait_until(lambda: window.keeper.problem is not None)
        with pytest.raises(LocalStateError, match="damaged"):
            await window.keeper.set_mark(window.group_id, MarkKind.MUTED)
        assert window.marks == NO_GROUP_MARKS
        path.rename(tmp_path / "old")
        await wait_until(lambda: window.keeper.problem is None)
        await window.keeper.set_mark(window.group_id, MarkKind.MUTED)
        assert window.marks.muted is not None
    await window.keeper.close()


@pytest.mark.parametrize("kind", MarkKind)
async def test_other_failures_cannot_be_marked(tmp_path: Path, kind: MarkKind) -> None:
    path = tmp_path / "state.sqlite3"
    window = Window(path, "bob@a")
    with closing(LocalStateFile(path)) as file:
        MarkTable(file).put(window.group_id, MarkKind.MUTED, Mark(NOW, "ann@b"))
        before = MarkTable(file).load()
        with pytest.raises(OtherFailuresError):
            await window.keeper.set_mark(OTHER.id, kind, "text")
        assert MarkTable(file).load() == before
    await window.keeper.close()


async def test_many_marks_at_once_are_all_kept(tmp_path: Path) -> None:
    window = Window(tmp_path / "state.sqlite3", "bob@a")
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(window.keeper.set_mark(f"g{number}", MarkKind.NOTE, str(number)))
    with closing(LocalStateFile(tmp_path / "state.sqlite3")) as file:
        found = file.read(
            lambda connection: connection.execute("SELECT count(*) FROM group_marks").fetchone(),
            None,
        )
    assert found == (20,)
    await window.keeper.close()
