"""What an operator types is found among runs, tasks, workers, groups, results and messages."""

from pulse_desktop.state.state_search import Found, FoundKind, find
from tests.kit.state_builder import StateBuilder

ID = "3f9c0e6a41d24c0f9a1b2c3d4e5f6071"


def kinds(found: list[Found]) -> list[FoundKind]:
    return [each.kind for each in found]


def test_a_run_is_found_by_the_beginning_of_its_id() -> None:
    builder = StateBuilder()
    builder.task(ID, "work")
    builder.task("0" * 32, "work")
    assert find(builder.state, "3f9c", 5) == [Found(FoundKind.RUN, ID)]
    assert find(builder.state, f" {ID} ", 5) == [Found(FoundKind.RUN, ID)]
    assert find(builder.state, "3f9", 5) == []


def test_the_latest_of_many_runs_come_first() -> None:
    builder = StateBuilder()
    for number in range(200):
        builder.task(f"aaaa{number:028x}", "work")
    found = find(builder.state, "aaaa", 3)
    assert [int(each.id[4:], 16) for each in found] == [199, 198, 197]


def test_tasks_and_workers_are_found_by_words_in_any_case() -> None:
    builder = StateBuilder()
    builder.task(ID, "app.jobs:Extract_Knowledge")
    builder.heartbeat("extractor-1@host-a:7")
    found = find(builder.state, "EXTRACT", 5)
    assert found == [
        Found(FoundKind.TASK, "app.jobs:Extract_Knowledge"),
        Found(FoundKind.WORKER, "extractor-1@host-a:7"),
    ]
    assert kinds(find(builder.state, "knowledge jobs", 5)) == [FoundKind.TASK]


def test_a_failure_group_is_found_by_its_message() -> None:
    builder = StateBuilder()
    builder.task(ID, "work")
    builder.failed(ID, "ProviderRefusedError", "no quota is left")
    assert FoundKind.GROUP in kinds(find(builder.state, "quota", 5))
    assert FoundKind.GROUP in kinds(find(builder.state, "providerrefused", 5))


def test_a_message_is_found_by_author_and_text() -> None:
    builder = StateBuilder()
    data = {"id": "m1", "content": "the scorer is out of memory", "author": "Ann"}
    builder.event("messages", "message.new", data)
    assert find(builder.state, "ann memory", 5) == [Found(FoundKind.MESSAGE, "m1")]


def test_nothing_is_found_by_nothing() -> None:
    builder = StateBuilder()
    builder.task(ID, "work")
    assert find(builder.state, " ", 5) == []
