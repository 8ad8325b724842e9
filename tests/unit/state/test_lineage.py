"""Parents, children and re-runs of runs are found, in whatever order the runs arrive."""

import base64
import itertools
import json
from typing import Any

import pytest

from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.task_lineage import Pipeline, parent_of, pipeline_of
from pulse_desktop.state.lineage import Lineage
from pulse_desktop.state.related_runs import Relation, related_runs
from pulse_desktop.state.run import Request, TaskRun
from pulse_desktop.state.system import SystemState
from tests.kit.labelled_tasks import task
from tests.kit.state_builder import NOW


def pipeline_labels(step: int, ids: list[str], kinds: list[str] | None = None) -> dict[str, Any]:
    """Return the labels of a step as taskiq-pipelines 0.1.4 sends them: bytes, in base64."""
    steps = [
        {
            "step_type": kind,
            "step_data": {"task_name": f"shop:{task_id}", "labels": {}, "param_name": None},
            "task_id": task_id,
        }
        for task_id, kind in zip(ids, kinds or ["sequential"] * len(ids), strict=True)
    ]
    data = base64.b64encode(json.dumps(steps).encode()).decode()
    return {"_pipe_current_step": step, "_pipe_data": data}


def shown(state: SystemState, task_id: str) -> list[tuple[str, str, int]]:
    run = state.runs.get(task_id)
    assert run is not None
    return [(str(r.relation), r.task_id, r.depth) for r in related_runs(state.runs, run).rows]


FAMILY = (
    task("root", at=NOW),
    task("first", at=NOW + 1, parent_task_id="root"),
    task("second", at=NOW + 2, parent_task_id="root"),
    task("leaf", at=NOW + 3, parent_task_id="first"),
    task("again", at=NOW + 4, rerun_of="first"),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(FAMILY))))[::7])
def test_a_family_is_the_same_in_every_order_of_arrival(order: tuple[int, ...]) -> None:
    state = SystemState()
    state.fold(FAMILY[index] for index in order)
    assert shown(state, "root") == [
        ("child", "first", 1),
        ("child", "leaf", 2),
        ("child", "second", 1),
    ]
    assert shown(state, "leaf") == [("parent", "first", 1), ("parent", "root", 2)]
    assert shown(state, "first") == [
        ("parent", "root", 1),
        ("child", "leaf", 1),
        ("rerun", "again", 1),
    ]
    assert shown(state, "again") == [("original", "first", 1)]


def test_parents_in_a_circle_are_a_cycle_and_no_children() -> None:
    state = SystemState()
    state.fold(
        [
            task("a", at=NOW, parent_task_id="c"),
            task("b", at=NOW + 1, parent_task_id="a"),
            task("c", at=NOW + 2, parent_task_id="b"),
            task("below", at=NOW + 3, parent_task_id="a"),
            task("leaf", at=NOW + 4, parent_task_id="below"),
        ]
    )
    parents = [("parent", "c", 1), ("parent", "b", 2)]
    children = [("child", "below", 1), ("child", "leaf", 2)]
    assert shown(state, "a") == [*parents, ("cycle", "a", 3), *children]
    assert shown(state, "below") == [
        ("parent", "a", 1),
        ("parent", "c", 2),
        ("parent", "b", 3),
        ("cycle", "a", 4),
        ("child", "leaf", 1),
    ]


def test_runs_that_repeat_each_other_are_a_cycle() -> None:
    state = SystemState()
    state.fold([task("a", rerun_of="b"), task("b", rerun_of="a"), task("again", rerun_of="a")])
    cycle = [("original", "b", 1), ("cycle", "a", 2)]
    assert shown(state, "a") == [*cycle, ("rerun", "again", 1)]


def test_the_parent_of_a_child_that_arrives_again_is_kept_once() -> None:
    state = SystemState()
    state.fold([FAMILY[1], FAMILY[1], FAMILY[0], FAMILY[1]])
    assert shown(state, "root") == [("child", "first", 1)]


def test_a_run_that_is_evicted_takes_its_links_along() -> None:
    state = SystemState(max_runs=2)
    state.fold([task("root"), task("child", parent_task_id="root"), task("a"), task("b")])
    assert len(state.runs.lineage) == 0
    assert state.runs.lineage.children("root") == []


def test_a_parent_that_is_unknown_is_still_named() -> None:
    state = SystemState()
    state.fold([task("child", parent_task_id="gone")])
    run = state.runs.get("child")
    assert run is not None
    (row,) = related_runs(state.runs, run).rows
    assert (row.relation, row.task_id, row.run) == (Relation.PARENT, "gone", None)


def test_runs_that_name_each_other_as_parents_end_the_search() -> None:
    state = SystemState()
    state.fold(
        [
            task("a", parent_task_id="b", rerun_of="a"),
            task("b", parent_task_id="a", rerun_of="c"),
            task("c", parent_task_id="c", rerun_of="b"),
        ]
    )
    assert shown(state, "a") == [("parent", "b", 1), ("cycle", "a", 2)]
    assert shown(state, "b") == [
        ("original", "c", 1),
        ("cycle", "b", 2),
        ("parent", "a", 1),
        ("cycle", "b", 2),
    ]


def test_more_children_than_are_listed_are_counted() -> None:
    state = SystemState()
    state.fold(
        [task("root"), *(task(f"c{n}", at=NOW + n, parent_task_id="root") for n in range(70))]
    )
    run = state.runs.get("root")
    assert run is not None
    related = related_runs(state.runs, run, limit=10)
    assert [row.task_id for row in related.rows] == [f"c{n}" for n in range(10)]
    assert related.more == {Relation.CHILD: 60}


def test_the_steps_of_a_pipeline_follow_each_other() -> None:
    ids = ["one", "two", "three"]
    state = SystemState()
    state.fold(
        [
            task("two", at=NOW + 1, **pipeline_labels(1, ids)),
            task("one", **pipeline_labels(0, ids)),
        ]
    )
    assert shown(state, "one") == [("child", "two", 1), ("child", "three", 2)]
    assert shown(state, "two") == [("parent", "one", 1), ("child", "three", 1)]
    run = state.runs.get("one")
    assert run is not None
    related = related_runs(state.runs, run)
    assert [(row.task_id, row.is_planned, row.task_name) for row in related.rows] == [
        ("two", False, "m:f"),
        ("three", True, "shop:three"),
    ]
    assert isinstance(related.pipeline, Pipeline)
    assert related.pipeline.current == 0


def test_the_tasks_of_a_mapping_step_are_children_of_the_step_before() -> None:
    ids = ["one", "mapped"]
    state = SystemState()
    state.fold(
        [
            task("item-1", at=NOW + 1),
            task("one", **pipeline_labels(0, ids, ["sequential", "mapper"])),
            task("item-2", at=NOW + 2),
            task(
                "mapped",
                "taskiq_pipelines.shared.wait_tasks",
                [["item-1", "item-2"]],
                NOW + 3,
                **pipeline_labels(1, ids, ["sequential", "mapper"]),
            ),
        ]
    )
    assert [row[1] for row in shown(state, "one")] == ["item-1", "item-2", "mapped"]
    assert shown(state, "item-2") == [("parent", "one", 1)]


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"_pipe_data": "not base64!", "_pipe_current_step": "1"},
        {"_pipe_data": base64.b64encode(b"{").decode(), "_pipe_current_step": "1"},
        {"_pipe_data": "[" * 100_000, "_pipe_current_step": "1"},
        {"_pipe_data": '[{"task_id": 5}]', "_pipe_current_step": "0"},
        {"_pipe_data": '[{"task_id": "a"}, 7]', "_pipe_current_step": "1"},
        {"_pipe_data": '[{"task_id": "a"}]', "_pipe_current_step": "-1"},
        {"_pipe_data": '[{"task_id": "a"}]', "_pipe_current_step": "1e999"},
        {"_pipe_data": '[{"task_id": "a"}]', "_pipe_current_step": None},
        {"_pipe_data": '[{"task_id": "a"}]', "_pipe_current_step": [1]},
        {"parent_task_id": 7},
        {"parent_task_id": "x" * 100_000},
    ],
)
def test_labels_that_make_no_sense_are_no_links(labels: dict[str, Any]) -> None:
    assert parent_of(labels) == ""
    assert pipeline_of(labels) is None


def test_links_to_collected_tasks_are_bounded() -> None:
    lineage = Lineage(max_collected=3)
    name = "taskiq_pipelines.shared.wait_tasks"
    for number in range(3):
        args = json.dumps([[f"{number}a", f"{number}b"]]).encode()
        request = Request(2, 0, name, args, b"{}", b"{}")
        lineage.put(TaskRun(f"collect-{number}", name, request, parent=f"step-{number}"))
    assert lineage.parent("0b") == "step-0"
    assert [lineage.parent(f"{number}a") for number in (1, 2)] == ["", ""]
    assert lineage.parent("collect-2") == "step-2"
    lineage.remove("collect-0")
    assert lineage.parent("0b") == ""


def test_runs_that_are_read_back_from_history_are_related_as_well() -> None:
    state = SystemState()
    state.fold([FAMILY[3]])
    for message in (FAMILY[2], FAMILY[1], FAMILY[0]):
        older = InboundMessage(
            message.source, message.subject, message.payload, message.at, older=True
        )
        state.fold([older])
    assert [run.task_id for run in state.runs.rows] == ["root", "first", "second", "leaf"]
    first, leaf = ("child", "first", 1), ("child", "leaf", 2)
    assert shown(state, "root") == [first, leaf, ("child", "second", 1)]
