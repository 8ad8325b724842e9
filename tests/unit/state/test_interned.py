"""Equal texts of many rows are kept once, in bounded memory."""

from pulse_desktop.state.interned import InternedValues
from tests.unit.state.state_builders import run_of, state_of, task_event, task_message


def test_an_equal_value_is_the_same_object() -> None:
    shared: InternedValues[str] = InternedValues()
    first = shared["".join(("worker", "-1"))]
    assert shared["".join(("worker-", "1"))] is first


def test_the_table_is_bounded_in_number_and_size() -> None:
    shared: InternedValues[str] = InternedValues(10)
    for number in range(1_000):
        assert shared[str(number)] == str(number)
    assert len(shared) <= 10
    long = "x" * 100_000
    assert shared[long] is long
    assert long not in shared


def test_runs_of_one_task_and_worker_share_their_texts() -> None:
    ids = ("a" * 32, "b" * 32)
    state = state_of(
        *[task_message(task_id=each) for each in ids],
        *[task_event("started", task_id=each) for each in ids],
    )
    one, other = (run_of(state, each) for each in ids)
    assert one.name is other.name
    assert one.worker is other.worker
    assert one.request is not None
    assert other.request is not None
    assert one.request.labels is other.request.labels
