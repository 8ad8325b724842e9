"""Unknown names are logged once, and few of them are kept: senders choose them."""

import pytest
from pulse_workers.brokers.unknown_tasks import MAX_NAMES, UnknownTasks


def test_each_name_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    unknown = UnknownTasks(lambda: ["a"], "It fails", 5.0, clock=lambda: now)
    for _ in range(3):
        unknown.offer("b")
    unknown.offer("x" * 1_000_000)
    for number in range(1_000):
        unknown.offer(f"name-{number}")
    offered = unknown.fields()["unknown_tasks"]
    assert offered["b"] == 3
    assert len(offered) == len(caplog.records) == MAX_NAMES
    assert "offered a task that this worker does not have: 'b'. It fails." in caplog.text
    assert max(map(len, caplog.messages)) < 1_000
    now = 3_000.0
    unknown.offer("b")
    now = 4_000.0
    assert unknown.fields() == {"unknown_tasks": {"b": 4}}
    now = 8_000.0
    assert unknown.fields() == {}


def test_missing_tasks_are_those_of_live_workers(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    unknown = UnknownTasks(lambda: ["a"], "It fails", 5.0, clock=lambda: now)
    unknown.observe("w@h:1", ["a"])
    assert unknown.fields() == {}
    for names in (["a", "c", "b"], None, ["b", "c"]):
        unknown.observe("w@h:2", names)
    unknown.observe("w@h:3", ["d", "b"])
    assert unknown.fields() == {"missing_tasks": ["b", "c", "d"]}
    assert [text.partition(": ")[2][:8] for text in caplog.messages] == ["'b', 'c'", "'d'. Thi"]
    now = 50.0
    unknown.observe("w@h:3", None)
    now = 100.0
    assert unknown.fields() == {"missing_tasks": ["b", "d"]}, "the second worker is silent"
    unknown.observe("w@h:3", ["a"])
    assert unknown.fields() == {}


def test_a_worker_is_new_again_after_a_silence_however_many_were_heard() -> None:
    now = 0.0
    unknown = UnknownTasks(lambda: ["a"], "It fails", 5.0, clock=lambda: now)
    assert all(unknown.observe(f"w@h:{number}", None) for number in range(1_000))
    assert not unknown.observe("w@h:0", ["a"])
    now = 100.0
    assert unknown.observe("w@h:1000", None)
    assert unknown.observe("w@h:0", ["a"])


@pytest.mark.parametrize(("interval", "silence"), [(0.5, 59.0), (5.0, 59.0), (120.0, 359.0)])
def test_a_worker_counts_until_it_misses_several_heartbeats(
    interval: float, silence: float
) -> None:
    now = 0.0
    unknown = UnknownTasks(lambda: ["a"], "It fails", interval, clock=lambda: now)
    assert unknown.observe("w@h:1", ["b"])
    now = silence
    assert not unknown.is_known_to_all("a")
    assert not unknown.observe("w@h:1", None)
    now += silence + 2
    assert unknown.is_known_to_all("a")
