"""What queries over runs match."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.run_state import RunState
from pulse_desktop.query import FieldKind, QueryError, compile_query, parse, quote, with_condition
from pulse_desktop.query.predicates import wildcard_predicate
from pulse_desktop.query.quoting import keyed_field
from pulse_desktop.state.run import (
    Attempt,
    AttemptResult,
    Request,
    RunError,
    StoredOutcome,
    TaskRun,
)
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.text.formats import duration
from pulse_desktop.text.run_text import STATE_LABELS, arguments_text, duration_text, wait_text

NOW = datetime(2026, 11, 29, 23, 0, tzinfo=UTC).timestamp()
QUEUED = NOW - 3600.0
KWARGS = {
    "language": "pl",
    "limit": 5,
    "ratio": 2.5,
    "dry": True,
    "note": None,
    "tags": ["new", "VIP"],
    "user": {"name": "Bob", "id": 7},
    "odd name": "x y",
    "text": 'say "hi", a*b',
    "date": "2026-01-05",
}
ERROR = RunError("ValueError", "File not found: /tmp/a (errno 2)", "Traceback\n  main.py")


def run_of(
    *,
    kwargs: object = KWARGS,
    args: object = ("/data/Розбір.json", 42),
    labels: object = None,
    ascii_only: bool = True,
) -> TaskRun:
    """Return a failed run."""
    raw_args, raw_kwargs, raw_labels = (
        json.dumps(each, ensure_ascii=ascii_only).encode()
        for each in (args, kwargs, {"queue": "high", "prio": 3} if labels is None else labels)
    )
    result = AttemptResult(QUEUED + 61.3312, "failed", error=ERROR)
    return derive_state(
        TaskRun(
            "abc123DEF",
            "shop.mail:send",
            Request(2, 0, "shop.mail:send", raw_args, raw_kwargs, raw_labels),
            QUEUED,
            delivery_count=2,
            attempts=(Attempt(2, QUEUED + 60.0, "w-1@host:7", result),),
            stored_outcome=StoredOutcome(QUEUED + 62, 5, 2048, "failed", format="json"),
            rerun_of="old1",
            parent="father",
            last_seen=QUEUED + 62,
        )
    )


FIELDS = run_fields(lambda _name: ("path", "count"), lambda _run: "f3a1", lambda: "staging")


def matches(text: str, run: TaskRun | None = None, now: float = NOW) -> bool:
    """Return whether a run matches, by row and without columns."""
    return compile_query(parse(text), FIELDS, now).accepts(run or run_of())


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "", "state:failed", "state:FAILED", "state=failed,queued", "state!=queued", "state:*failed",
        "-state:queued", "task:send", "task=send", 'task="shop.mail:send"', "task=mail:send",
        "task:SHOP*", "shop.mail:send", "worker:w-1", "worker:w-1@host", "worker:w-1@host:7",
        "worker:w*", "id:ABC123def", "id:abc*", "error:ValueError", "error=ValueError",
        'error:"not found"', "error:*errno*", "ValueError: File", "traceback:main.py",
        "language=pl", 'language="pl"', "args.language:P", "kwargs.language=pl", "limit=5",
        'limit="5"', "limit:5.0", "limit>4", "limit>=5", "limit<5.5", "limit:1..5", "limit:..5",
        "limit:5..", "ratio:2..3", "dry=true", "dry:TRUE", "note=null", "tags:vip", "tags=NEW",
        'tags=["new", "VIP"]', 'tags:["new","VIP"]', "user.name=bob", "args.user.id>6",
        'args."odd name"="x y"', r'args.text="say \"hi\", a*b"', 'args.text:"a*b"',
        "date>2026-01-01",
        "args.path:розбір", "count=42", "args.1=42", "args.0:*.json", "args:Розбір", "kwargs:vip",
        "label.queue=high", "label.prio>2", "label:high", "rerun_of:old1", "parent:father",
        "group:F3A1", "profile:staging", "result:json", "size:2048", "size:2kB", 'size="2.0 kB"',
        "size>2000", "size:1kB..1MB", "attempt:2", "attempt>1", "ran:1.33s", 'ran="1.33 s"',
        "ran>1s",
        "ran:1s..2s", "not waited:*", "queued:1h", "queued:22:00", "queued:2026-11-29",
        "queued:today",
        "queued:21:30..22:30", "queued<30m", "queued>=2h", "started:22:01:00", "finished>22:00",
        "seen:*", "розбір", "РОЗБІР", r'"say \"hi\""', "abc123def", "HOST:7", "errno",
        "language=pl state:failed or nothing", "not (state:queued or language=de)",
        "language!=de", "absent!=x", "not absent:*", '"/data/Розбір.json", count=42', "text:розбір",
        "sho*nd", "l*guage=pl or error:*", 'args.path:""',
    ],
)  # fmt: skip
def test_the_run_matches(text: str) -> None:
    assert matches(text)
    if text:
        assert not matches(f"not ({text})")


@pytest.mark.parametrize(
    "text",
    [
        "state:queued", "state!=failed", "task=mail", "task=sen", "worker:w", "worker:w-10",
        "id:abc",
        "error:*found", "language=p", "language:de", "kwargs.path:*", "limit=6", "limit:50",
        "dry=1",
        "limit>5", "limit>x", "tags=vi", 'args.text="say*"', "args.user.age>1", "Language=pl",
        "label.language=pl", "ran:1.34s", "ran:2s..", "size:2049", "queued:30m", "queued:22:01",
        "queued:2026-11-28", "queued>22:00", "absent=x", "absent:*", '"розбір звіт"',
        "errno nothing",
        "waited:*", "foo:bar", "error!=ValueError",
    ],
)  # fmt: skip
def test_the_run_does_not_match(text: str) -> None:
    assert not matches(text)
    assert matches(f"not ({text})")


@pytest.mark.parametrize(
    ("text", "start", "end", "message"),
    [
        ("x state:failde", 8, 14, "none of: queued"),
        ("ran>fast", 4, 8, "not a duration"),
        ("size:2XB", 5, 8, "not a size"),
        ("attempt:two", 8, 11, "not a number"),
        ("queued:25:00", 7, 12, "not a time"),
        ("ran:1s..x", 8, 9, "not a duration"),
        ("ran:5s..1s", 4, 10, "range is empty"),
        ("ran:..", 4, 6, "no end"),
        ("queued:today..yesterday", 7, 23, "range is empty"),
        ("task>a", 4, 5, "no order"),
        ("ran>1s,2s", 4, 9, "Several values"),
        ("ran>1s..2s", 4, 10, "range is for"),
        ("ran>*", 4, 5, "is for"),
        ('task:"a".."b"', 5, 13, "range is for"),
        ('limit:"a".."b"', 6, 14, "range of numbers"),
        ("text>5", 4, 6, "searched for words"),
    ],
)
def test_an_error_has_a_position(text: str, start: int, end: int, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        matches(text)
    assert (caught.value.start, caught.value.end) == (start, end)


def test_arguments_are_searched_whole() -> None:
    run = run_of(kwargs={"first": "x" * 500_000, "last": "needle"}, ascii_only=False)
    assert matches("needle last=needle kwargs:needle", run)
    run = run_of(args=["ї" * 100_000 + "голка"])
    assert matches("голка ГОЛКА", run)


def test_every_entry_of_a_long_list_is_a_value() -> None:
    run = run_of(kwargs={"ids": [*range(500_000), "last"]})
    assert matches("ids=499999 ids=last ids>499998", run)
    assert not matches("ids=500000", run)


@pytest.mark.parametrize("value", [[15, 25], {"a": 15}, {"a": 5}, ["5th", [5]], "15", {"5": "5"}])
def test_a_number_is_not_a_part_of_other_values(value: object) -> None:
    run = run_of(kwargs={"ids": value})
    assert matches("ids:5", run) is (value in ("15", ["5th", [5]]))  # a part of a text
    assert matches("-ids:5", run) is not matches("ids:5", run)
    assert matches("ids:5", run_of(kwargs={"ids": [5, 1]}))
    assert matches("ids:5.0 ids=5", run_of(kwargs={"ids": [5, 1]}))


def test_a_constant_is_not_a_part_of_other_values() -> None:
    run = run_of(kwargs={"a": {"x": True}, "b": ["untrue", None], "c": {"null": 1}})
    assert matches("b:true b:null b=null", run)
    assert not matches("a:true or c:null or b:false or b=true", run)


@pytest.mark.parametrize(
    ("labels", "path", "value"),
    [
        ({"otel.trace": "x"}, ["otel.trace"], "x"),
        ({"otel": {"trace": "x"}}, ["otel", "trace"], "x"),
        ({"otel.trace": {"id": "x"}}, ["otel.trace", "id"], "x"),
        ({"otel": {"y": 1}, "otel.trace": {"a.b": ["x"]}}, ["otel.trace", "a.b", "0"], "x"),
        ({".": "x"}, ["."], "x"),
        ({"a.": {"": "x"}}, ["a.", ""], "x"),
        ({'a"b.c': "x"}, ['a"b.c'], "x"),
        ({"é.é": "x"}, ["é.é"], "x"),
    ],
)
def test_names_may_have_dots(labels: object, path: list[str], value: str) -> None:
    field = "label"
    for name in path:
        field = keyed_field(field, name)
    for ascii_only in (True, False):
        run = run_of(labels=labels, ascii_only=ascii_only)
        assert matches(f"{field}:{value}", run)
        assert not matches(f"{field}:other", run)


@given(st.text(max_size=20), st.booleans())
def test_any_name_can_be_asked_for(name: str, ascii_only: bool) -> None:
    run = run_of(labels={name: "x"}, kwargs={name: "x"}, ascii_only=ascii_only)
    for base in ("label", "kwargs", "args"):
        assert matches(f"{keyed_field(base, name)}=x", run)


def test_a_long_path_is_followed_without_recursion() -> None:
    value: object = "x"
    for _level in range(400):
        value = {"a": value, "a.b": 1}
    run = run_of(kwargs={"a": value})
    assert matches(f"args{'.a' * 401}=x", run)
    assert not matches(f"args{'.a' * 900}=x", run)


def test_words_are_found_however_they_are_encoded() -> None:
    for ascii_only in (True, False):
        run = run_of(kwargs={"text": "Звіт 😀 \\new"}, ascii_only=ascii_only)
        for text in ("звіт", "😀", r'"\\new"', r'"\\NEW"', "text:ЗВІТ"):
            assert matches(text, run), text


def test_arguments_that_are_no_json_match_nothing() -> None:
    run = run_of()
    assert run.request is not None
    run.request = Request(0, 0, "", b"\xff[", b'{"language": ', b"")
    assert not matches("language=pl or args.0=1 or label.x=1", run)
    assert matches("not language=pl", run)
    run.request = None
    assert not matches("language=pl or args:x or kwargs:x or label:x or label.x=1 or args.0:*", run)


def test_a_query_may_depend_on_the_time() -> None:
    def depends(text: str) -> bool:
        return compile_query(parse(text), FIELDS, NOW).time_dependent

    assert all(
        map(depends, ("queued:1h", "x or seen>22:00", "queued:today", "ran>5s", "-waited:1s"))
    )
    assert not any(map(depends, ("", "x", "queued:2026-11-29", "state:running", "limit>5")))


def test_the_running_time_counts_while_a_run_is_running() -> None:
    run = derive_state(
        TaskRun("a", queued_at=NOW - 70, attempts=(Attempt(1, NOW - 60, "w", seen_at=NOW - 60),))
    )
    assert run.state is RunState.RUNNING
    assert duration(60.0) == duration_text(run, NOW)
    assert matches("ran>59s ran<61s", run)
    assert matches("ran>119s", run, NOW + 60)
    waiting = derive_state(TaskRun("a", queued_at=NOW - 70, last_seen=NOW - 70))
    assert matches(f"waited={quote(wait_text(waiting, NOW))}", waiting)
    assert not matches("ran:*", waiting)


def test_what_the_row_shows_can_be_typed() -> None:
    run = run_of(kwargs={"language": "pl", "limit": 5, "tags": ["a", "b"], "ok": True, "n": None})
    shown = arguments_text(run)
    assert matches(shown, run), shown
    for part in shown.split(", ")[2:]:
        if "[" not in part:
            assert matches(part, run), part
    assert matches(f"ran={quote(duration_text(run, NOW))}", run)
    for state, (label, _glyph, _color) in STATE_LABELS.items():
        run.state = state
        assert matches(f"state:{quote(label)}", run)


@given(st.text(max_size=40).filter(str.strip), st.text(max_size=40))
def test_any_value_can_be_asked_for(value: str, other: str) -> None:
    run = run_of(kwargs={"f": value})
    assert matches(f"args.f={quote(value)}", run)
    assert matches(with_condition("", "args.f", value), run)
    assert not matches(with_condition("", "args.f", value, negated=True), run)
    assert matches(f"args.f:{quote(value)} {quote(value)}", run)
    same = value.casefold() == other.casefold()
    assert matches(f"args.f={quote(other)}", run) == same or not isinstance(other, str)


_CONDITIONS = st.sampled_from(
    ["state:failed", "state:queued", "task:mail", "worker:w-2", "language=pl", "limit>7", "nothing"]
)
_QUERIES = st.recursive(
    _CONDITIONS,
    lambda inner: (
        st.tuples(inner, st.sampled_from([" ", " and ", " or "]), inner).map(
            lambda parts: f"({''.join(parts)})"
        )
        | inner.map(lambda text: f"not {text}")
    ),
    max_leaves=8,
)


@given(_QUERIES)
def test_negation_is_per_row(text: str) -> None:
    assert matches(f"not ({text})") is not matches(text)


def test_every_field_has_a_title_and_reads_any_run() -> None:
    for name, field in FIELDS.fields.items():
        assert field.title
        for run in (run_of(), TaskRun("a")):
            values = field.get(run, NOW)
            assert isinstance(values, tuple)
            if field.kind in (FieldKind.TEXT, FieldKind.ID, FieldKind.CHOICE):
                assert all(isinstance(each, str) and each for each in values), name


@pytest.mark.parametrize(
    ("typed", "text", "expected"),
    [
        ("a*c", "abc", True),
        ("a*a", "a", False),
        ("ab*ba", "aba", False),
        ("*b*", "abc", True),
        ("*", "", True),
        ("a*b*b", "ab", False),
        ("a*b*b", "axbyb", True),
        ("a*", "ba", False),
        ("*a", "ab", False),
        ("a**b", "ab", True),
        ("a*\n*b", "a\n\nb", True),
        ("a.*b", "axxb", False),
    ],
)
def test_a_star_stands_for_any_characters(typed: str, text: str, *, expected: bool) -> None:
    test = wildcard_predicate(typed, whole=True)

    assert test is not None
    assert test(text) is expected


@given(st.text("ab*"), st.text("ab"))
def test_a_part_matches_when_stars_around_it_match_the_whole(typed: str, text: str) -> None:
    part, whole = (
        wildcard_predicate(f"*{typed}", whole=False),
        wildcard_predicate(f"*{typed}*", whole=True),
    )

    assert part is not None
    assert whole is not None
    assert part(text) is whole(text)


@pytest.mark.parametrize(
    "query", ["{}b", "text:{}b", "args:{}b", "kwargs.text:{}b", "kwargs.text:*{}b"]
)
def test_many_stars_take_no_time_in_a_long_line(query: str) -> None:
    run = run_of(kwargs={"text": "a" * 20_000})
    started = time.perf_counter()

    assert not matches(query.format("a*" * 500), run)
    assert time.perf_counter() - started < 1.0
