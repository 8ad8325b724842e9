"""Random queries that are valid, with all the brackets and spaces that operators type."""

from hypothesis import strategies as st

_CONDITIONS = st.sampled_from(
    [
        "send", '"a b"', "a*", "-", "=", ">=5", "f", "state:failed", "state:failed,running",
        "state!=failed", "task:send", "task=send", 'task:"x y"', "task!=send", "task:f(x",
        "worker:w-1", "worker=w-1", "worker!=w-1", "worker:w-*", "n:5", "n=5", "n>=5", "n:1..7",
        'n:"1".."7"', "n:[1", "n:[1,5]", "n=[", 'n:"5"', "n!=5", "label.a:x", 'args."a b"=x',
        "text:send", "error:*", "shop.mail:send",
    ]
)  # fmt: skip


def _negated(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}".format, st.sampled_from(["not ", "-", "NOT  "]), inner)


def _bracketed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("({}{}{})".format, st.sampled_from(["", " "]), inner, st.just(" "))


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.sampled_from([" ", "\n", ", ", " and ", " or ", " OR "])
    return st.builds("{}{}{}".format, inner, words, inner)


QUERIES = st.recursive(
    _CONDITIONS,
    lambda inner: _negated(inner) | _bracketed(inner) | _joined(inner),
    max_leaves=6,
)
"""Texts of queries, nearly all of them valid."""
