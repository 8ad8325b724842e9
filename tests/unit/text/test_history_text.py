"""What making a stream changes is said in whole sentences."""

import pytest

from pulse_desktop.model.history_plan import (
    MIB,
    HistoryItem,
    HistoryKind,
    HistoryLimits,
    HistoryState,
)
from pulse_desktop.protocol.history_stream_names import history_stream, is_task_history
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.history_text import (
    KIND_TITLES,
    age_text,
    consequences,
    limits_text,
    removal_text,
    state_text,
)


@pytest.mark.parametrize("kind", HistoryKind)
def test_limits_and_consequences_of_each_kind_are_said(kind: HistoryKind) -> None:
    stream = history_stream(kind, TaskiqNames(), HistoryLimits(3600.0, 16 * MIB, replicas=3))
    assert KIND_TITLES[kind]
    sentences = consequences(stream)
    assert "files of 3 servers, at most 1 hour and 16 MiB" in sentences[0]
    assert all(each.endswith(".") for each in sentences)
    assert f"nats stream rm {stream.name}" in removal_text(stream.name)


def test_ages_and_states_are_worded() -> None:
    ages = (86_400, 7 * 86_400, 36 * 3600, 90)
    assert [age_text(age) for age in ages] == ["1 day", "7 days", "36 hours", "1 min 30 s"]
    assert limits_text(HistoryLimits()) == "at most 7 days and 256 MiB"
    stream = history_stream(HistoryKind.TASKS, TaskiqNames())
    blocked = HistoryItem(stream, HistoryState.IMPOSSIBLE, "the stream WORK is in the way")
    assert state_text(blocked).endswith("what there is: the stream WORK is in the way.")


def test_copies_are_told_by_their_name_and_limits_are_bounded() -> None:
    own = history_stream(HistoryKind.TASKS, TaskiqNames(subject="a.b"))
    assert is_task_history(own.name)
    assert not is_task_history("taskiq_jetstream")
    assert not HistoryLimits(max_bytes=1).are_valid
    assert not HistoryLimits(max_age_s=1.0).are_valid
    assert not HistoryLimits(replicas=9).are_valid
