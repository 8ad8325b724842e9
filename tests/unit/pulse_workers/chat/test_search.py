"""Two rankings become one."""

from pulse_workers.chat.search import fuse


def test_what_both_rankings_have_comes_first() -> None:
    by_text = {("message", "1"): 1, ("message", "2"): 2, ("atom", "a"): 1}
    by_vector = {("message", "2"): 2, ("message", "3"): 1}
    found = fuse(by_text, by_vector)
    assert [(each.kind, each.id) for each in found] == [
        ("message", "2"),
        ("atom", "a"),
        ("message", "1"),
        ("message", "3"),
    ]
    assert (found[0].text_rank, found[0].vector_rank) == (2, 2)
    assert (found[1].text_rank, found[1].vector_rank) == (1, None)
