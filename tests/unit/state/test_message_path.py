"""The runs that concerned a message are found by events and by arguments, never guessed."""

import json
from typing import Any

import pytest

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.state import message_path as module
from pulse_desktop.state.message_path import MessagePath, PathSearch, message_ids_of, message_path
from pulse_desktop.state.message_runs import MessageRuns, Stage
from pulse_desktop.text.message_path_text import path_summary, step_meaning
from tests.kit.state_builder import NOW, StateBuilder

MESSAGE, EXTERNAL = "2147719036.18293", "ext-5"


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder(NOW)
    task(builder, "ingest", "ingest_messages", ["export.json", 0, 20])
    message(builder, "message.new", id=MESSAGE, task_id="ingest")
    task(builder, "score", "score_message_task", [MESSAGE], NOW + 1)
    task(builder, "embed", "workers.tasks.embedding:embed_messages_batch", [[MESSAGE]], NOW + 2)
    task(builder, "extract", "extract_knowledge", [], NOW + 3, message_ids=["x", MESSAGE])
    task(builder, "other", "extract_knowledge", [["2147719036.182930"]], NOW + 4)
    task(builder, "quoted", "say", [f'he said "{MESSAGE}" aloud'], NOW + 5)
    return builder


def task(
    builder: StateBuilder, task_id: str, name: str, args: Any, at: float = NOW, **kwargs: Any
) -> None:
    payload, _headers = encode_task(
        task_id, name, args=json.dumps(args).encode(), kwargs=json.dumps(kwargs).encode()
    )
    builder.state.fold([InboundMessage(Source.TASK, TASK_SUBJECT, payload, at)])


def message(builder: StateBuilder, type_: str, **data: Any) -> None:
    builder.event("messages", type_, {"external_message_id": EXTERNAL, **data})


def path_of(builder: StateBuilder, message_id: str = MESSAGE) -> MessagePath:
    state = builder.state
    return message_path(state.runs, state.message_runs, state.messages.get(message_id), message_id)


def steps(path: MessagePath) -> list[tuple[str, str]]:
    return [(",".join(step.stages), step.task_id) for step in path.steps]


def test_a_message_is_followed_through_all_stages(builder: StateBuilder) -> None:
    whole = [("ingest", "ingest"), ("score", "score"), ("embed", "embed"), ("extract", "extract")]
    path = path_of(builder)
    assert steps(path) == whole
    assert [step.confirmed for step in path.steps] == [True, False, False, False]
    assert steps(path_of(builder, EXTERNAL)) == whole
    builder.succeeded("ingest")
    builder.failed("score")
    assert path_summary(path_of(builder)) == "ingest ✔ → score ✖ → embed ◌ → extract ◌"


def test_stages_without_a_known_run_say_so() -> None:
    builder = StateBuilder()
    task(builder, "ingest", "ingest_messages", ["export.json", 0, 20])
    task(builder, "score", "score_message_task", [MESSAGE])
    path = path_of(builder)
    assert steps(path) == [("ingest", ""), ("score", "score"), ("embed", ""), ("extract", "")]
    assert "positions in a file" in step_meaning(path.steps[0])
    assert "none of the retained runs names" in step_meaning(path.steps[2])


def test_a_run_of_several_stages_is_one_step() -> None:
    builder = StateBuilder()
    task(builder, "all", "process_messages", [[MESSAGE]])
    path = path_of(builder)
    assert steps(path) == [("ingest", ""), ("score,embed,extract", "all")]
    assert "those of the stages that were due" in step_meaning(path.steps[1])
    message(builder, "message.scored", message_id=MESSAGE, classification="signal", task_id="all")
    path = path_of(builder)
    assert steps(path) == [("ingest", ""), ("score", "all"), ("embed", "all"), ("extract", "all")]
    assert [step.confirmed for step in path.steps] == [False, True, False, False]
    assert path_summary(path) == "ingest · → score ◌ → embed ◌ → extract ◌"
    assert "Not known yet" in step_meaning(path.steps[2])
    builder.succeeded("all")
    path = path_of(builder)
    assert path_summary(path) == "ingest · → score ✔ → embed ✔ → extract ✔"
    assert step_meaning(path.steps[3]).startswith("Done: ")


def test_of_a_run_with_failures_the_other_stages_are_not_known() -> None:
    builder = StateBuilder()
    task(builder, "all", "process_messages", [[MESSAGE, "x"]])
    message(builder, "message.scored", message_id=MESSAGE, classification="signal", task_id="all")
    builder.failed("all")
    path = path_of(builder)
    assert path_summary(path) == "ingest · → score ✔ → embed · → extract ·"
    assert path.steps[1].status == "succeeded"
    assert "failed in another part" in step_meaning(path.steps[1])
    assert path.steps[2].status == "unknown"
    assert "no event says whether" in step_meaning(path.steps[2])


def test_of_noise_nothing_is_extracted() -> None:
    builder = StateBuilder()
    scored = {"message_id": MESSAGE, "classification": "noise"}
    message(builder, "message.scored", **scored, task_id="gone")
    path = path_of(builder)
    assert path_summary(path) == "ingest · → score · → embed · → extract –"
    task(builder, "all", "process_messages", [[MESSAGE, "x"]])
    message(builder, "message.scored", **scored, task_id="all")
    assert path_of(builder).steps[-1].status == "queued"
    builder.succeeded("all")
    last = path_of(builder).steps[-1]
    assert (last.stages, last.task_id, last.status) == ((Stage.EXTRACT,), "all", "noise")
    assert "scored as noise" in step_meaning(last)
    message(builder, "message.scored", message_id=MESSAGE, classification="signal", task_id="all")
    assert path_of(builder).steps[-1].status == "succeeded"
    builder.event("knowledge", "knowledge.atom_created", {"message_id": MESSAGE, "task_id": "all"})
    assert path_of(builder).steps[-1].confirmed


def test_a_stage_with_a_run_of_its_own_is_not_listed_twice() -> None:
    builder = StateBuilder()
    task(builder, "all", "process_messages", [[MESSAGE]])
    message(builder, "message.scored", message_id=MESSAGE, classification="signal", task_id="all")
    task(builder, "again", "embed_messages_batch", [[MESSAGE]], NOW + 9)
    assert steps(path_of(builder)) == [
        ("ingest", ""), ("score", "all"), ("extract", "all"), ("embed", "again"),
    ]  # fmt: skip


def test_a_later_run_of_a_stage_does_not_hide_that_it_was_done_before() -> None:
    builder = StateBuilder()
    task(builder, "all", "process_messages", [[MESSAGE]])
    message(builder, "message.scored", message_id=MESSAGE, classification="signal", task_id="all")
    builder.succeeded("all")
    task(builder, "again", "extract_knowledge", [[MESSAGE]], NOW + 9)
    builder.failed("again")
    path = path_of(builder)
    assert path_summary(path) == "ingest · → score ✔ → embed ✔ → extract ✔ → extract ✖"
    assert [step.task_id for step in path.steps[-2:]] == ["all", "again"]


def test_an_event_may_name_a_run_that_is_not_retained() -> None:
    builder = StateBuilder()
    message(builder, "message.new", id=MESSAGE, task_id="gone")
    first = path_of(builder).steps[0]
    assert (first.stages, first.task_id, first.run) == ((Stage.INGEST,), "gone", None)
    assert "not among the retained" in step_meaning(first)


def test_numbers_count_only_where_an_argument_is_an_id() -> None:
    builder = StateBuilder()
    task(builder, "score", "score_message_task", [42])
    task(builder, "page", "ingest_messages", ["export.json", 42, 42])
    task(builder, "named", "other:task", [42], message_id=42)
    task(builder, "unnamed", "other:task", [42])
    task(builder, "longer", "score_message_task", [421])
    path = path_of(builder, "42")
    assert sorted(step.task_id for step in path.steps if step.task_id) == ["named", "score"]


def test_the_runs_are_searched_in_slices(
    builder: StateBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE", 2)
    search = PathSearch(builder.state.runs, builder.state.message_runs, MESSAGE)
    assert not search.path.is_complete
    assert "still being searched" in step_meaning(search.path.steps[-1], search.path)
    counts = [len([step for step in search.path.steps if step.run is not None])]
    while search.step():
        counts.append(len([step for step in search.path.steps if step.run is not None]))
    assert counts == sorted(counts)
    assert search.path == path_of(builder)


def test_a_search_that_ends_at_its_limit_does_not_say_that_there_is_no_run(
    builder: StateBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE", 2)
    monkeypatch.setattr(module, "MAX_PATH_RUNS", 1)
    path = path_of(builder)
    assert (path.is_complete, path.is_limited) == (True, True)
    missing = next(step for step in path.steps if not step.task_id)
    assert "only the last" in step_meaning(missing, path)
    monkeypatch.setattr(module, "MAX_PATH_RUNS", 100)
    assert not path_of(builder).is_limited


def test_ids_in_the_arguments_of_a_run(builder: StateBuilder) -> None:
    runs = builder.state.runs
    found = {run.task_id: message_ids_of(run) for run in runs.rows}
    assert found == {
        "ingest": [],
        "score": [MESSAGE],
        "embed": [MESSAGE],
        "extract": ["x", MESSAGE],
        "other": ["2147719036.182930"],
        "quoted": [],
    }
    assert builder.state.message_runs.messages_of("ingest") == [EXTERNAL, MESSAGE]


def test_the_index_of_messages_is_bounded_and_keeps_the_newest() -> None:
    builder = StateBuilder()
    index = builder.state.message_runs = builder.state.message_runs.__class__(capacity=2)
    for number in range(6):
        event = {"id": str(number + 1), "task_id": f"run-{number}"}
        builder.event("messages", "message.new", event)
        index.apply(builder.state.log[builder.state.log.stop - 1])
    assert [index.of(str(number + 1)) != [] for number in range(6)] == [False] * 2 + [True] * 4
    index.apply(builder.state.log[0], older=True)
    assert index.of("1") == []
    assert isinstance(index, MessageRuns)
