"""The objects of the result bucket."""

from tests.unit.state.state_builders import (
    NOW,
    result_of,
    state_of,
    stored_object,
)


def test_a_deleted_result_is_not_counted() -> None:
    state = state_of(stored_object(NOW, "a"), stored_object(NOW, "b", sequence=2))
    assert (state.results.count, state.results.size) == (2, 400)
    state.fold([stored_object(NOW + 1, "a", sequence=3, deleted=True)])
    assert (state.results.count, state.results.size) == (1, 200)
    assert result_of(state, "a").stored.deleted
    state.fold([stored_object(NOW, "a")])  # an old revision
    assert state.results.count == 1


def test_progress_objects_are_not_results() -> None:
    state = state_of(stored_object(NOW, "progress:" + "a" * 32))
    assert (len(state.results.rows), len(state.runs.rows), state.pending_reads) == (0, 0, [])


def test_bodies_that_could_not_be_fetched_are_next_again_by_their_time() -> None:
    older, newer = stored_object(NOW, "a"), stored_object(NOW + 2, "b", sequence=2)
    state = state_of(older, newer)
    assert state.pending_reads == [older, newer]
    taken = [state.pending_reads.pop(), state.pending_reads.pop()]
    newest = stored_object(NOW + 3, "c", sequence=3)
    state.fold([newest])
    state.read_later(taken)
    assert state.pending_reads == [older, newer, newest]
