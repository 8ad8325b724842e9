"""Cancelled ids are kept for a limited time and in a limited number."""

from pulse_workers.execution.cancellation import Cancellation, CancelledIds


def test_an_id_is_kept_for_the_retention_time() -> None:
    ids = CancelledIds(retention=60)
    by = Cancellation("olena@desk", "wrong chat")
    ids.add("a", by, now=100.0)
    assert ids.get("a", now=159.0) is by
    assert ids.get("b", now=159.0) is None
    assert ids.get("a", now=160.0) is None
    assert len(ids) == 0


def test_the_oldest_id_is_dropped_first() -> None:
    ids = CancelledIds(max_ids=3)
    for name in ("a", "b", "c", "a", "d"):
        ids.add(name, Cancellation("x"), now=0.0)
    assert [name for name in "abcd" if ids.get(name, 1.0)] == ["a", "c", "d"]


def test_a_cancellation_names_user_and_reason() -> None:
    assert str(Cancellation("olena@desk", "wrong chat")) == "cancelled by olena@desk: wrong chat"
    assert str(Cancellation("")) == "cancelled by an unknown user"
    assert Cancellation("a").error().args == ("cancelled by a",)
