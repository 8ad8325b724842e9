"""The last good run of a task is one that succeeded by its result too."""

import pytest

from pulse_desktop.model.errors import NotFoundError
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.session import compared_runs
from pulse_desktop.session.compared_runs import LastGoodRun, find_last_good_run
from pulse_desktop.state.run import TaskRun
from tests.kit.labelled_tasks import task
from tests.kit.state_builder import NOW, StateBuilder

_SOFT = {"status": "error", "message": "no model"}


class Results:
    """Results that were too large to be read on arrival."""

    def __init__(self, values: dict[str, object]) -> None:
        self._builder = builder = StateBuilder()
        self._values = values
        self._stored = {}
        self.opened: list[str] = []
        for number, key in enumerate(values):
            builder.state.fold([task(key, "m:f", [], NOW - 90 + number)])
            builder.succeeded(key, 0.5, NOW - 89 + number)
            self._stored[key] = builder.stored(key, at=NOW - 60)
            builder.state.fold_unread_body(self._stored[key])
        builder.state.fold([task("bad", "m:f", [], NOW - 20)])
        builder.failed("bad", "ValueError", "no", NOW - 15)

    def run(self, key: str) -> TaskRun:
        run = self._builder.state.runs.get(key)
        assert run is not None
        return run

    async def read(self, key: str) -> DecodedResult:
        self.opened.append(key)
        if self._values[key] is None:
            raise NotFoundError("Result not found", "It is gone.")
        self._builder.result(self._stored[key], self._values[key])
        return DecodedResult(b"", None)

    async def find(self) -> LastGoodRun:
        return await find_last_good_run(self._builder.state.runs, self.run("bad"), self.read)


async def test_runs_that_failed_by_their_results_are_passed_over() -> None:
    results = Results({"good": 5, "soft": _SOFT, "softer": _SOFT})
    assert await results.find() == LastGoodRun(results.run("good"))
    assert results.opened == ["softer", "soft", "good"]


async def test_a_result_that_cannot_be_read_refutes_nothing() -> None:
    results = Results({"good": 5, "gone": None})
    assert await results.find() == LastGoodRun(results.run("gone"))


async def test_no_more_large_results_are_opened_than_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compared_runs, "MAX_OPENED", 2)
    results = Results({"good": 5, "a": _SOFT, "b": _SOFT})
    assert await results.find() == LastGoodRun(None, 2)
    assert len(results.opened) == 2


async def test_there_is_none_if_all_failed_by_their_results() -> None:
    assert await Results({"a": _SOFT}).find() == LastGoodRun(None)
