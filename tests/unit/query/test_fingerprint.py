"""Failures with the same cause have the same fingerprint, and others do not."""

import sys

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.fingerprint import (
    FINGERPRINT_VERSION,
    Fingerprint,
    GroupedBy,
    fingerprint,
    is_own_code,
    module_of,
)
from pulse_desktop.query.traceback_text import MAX_LINES
from pulse_desktop.state.run import Attempt, AttemptResult, RunError, StoredOutcome, TaskRun
from tests.unit.query.recorded_tracebacks import VERSIONS, recorded
from tests.unit.query.test_traceback_text import HOSTILE

NOW = 1_795_430_942.0
TASK = "shop.orders:ship"


def of_error(type_: str, message: str = "m", trace: str = "", task: str = TASK) -> Fingerprint:
    result = AttemptResult(NOW + 1, "failed", error=RunError(type_, message, trace))
    attempt = Attempt(1, NOW, "w", result)
    return fingerprint(TaskRun("a" * 32, task, attempts=(attempt,), state=RunState.FAILED))


def of_soft(reason: str, task: str = TASK) -> Fingerprint:
    outcome = StoredOutcome(NOW, 1, 10, "soft_failed", reason)
    return fingerprint(TaskRun("a" * 32, task, stored_outcome=outcome, state=RunState.SOFT_FAILED))


# With a traceback


@pytest.mark.parametrize("case", ["plain", "caused", "context", "recursion", "endless", "group"])
def test_the_same_failure_is_one_group_in_every_python_and_place(case: str) -> None:
    texts = [recorded(version)[case] for version in VERSIONS]
    assert len(set(texts)) == len(texts)
    assert len({of_error("E", f"m{number}", text).id for number, text in enumerate(texts)}) == 1


def test_other_failures_are_other_groups() -> None:
    cases = recorded("3.12")
    assert len({of_error("E", "m", text).id for text in cases.values()}) == len(cases)


def test_frames_have_no_line_numbers_and_end_where_it_was_raised() -> None:
    made = of_error("KeyError", "'count'", recorded("3.11")["plain"])
    assert made.grouped_by is GroupedBy.FRAMES
    assert made.types == ("KeyError",)
    assert made.frames == ("shop.orders:plain", "shop.orders:total", "shop.orders:price")
    assert (made.message, made.version) == ("", FINGERPRINT_VERSION)
    moved = recorded("3.11")["plain"].replace("line 1", "line 4")
    assert of_error("KeyError", "'count'", moved) == made


def test_a_chain_has_all_types_and_the_frames_of_the_last() -> None:
    made = of_error("OrderError", "m", recorded("3.13")["caused"])
    assert made.types == ("KeyError", "OrderError")
    assert made.frames == ("shop.orders:caused",)


def test_the_members_of_an_exception_group_count_whatever_their_order() -> None:
    text = recorded("3.12")["group"]
    made = of_error("ExceptionGroup", "unhandled errors in a TaskGroup (2 sub-exceptions)", text)
    assert made.types == ("KeyError", "OrderError", "ExceptionGroup")
    line = "---------------- {} ----------------\n"
    head, first = text.split(f"  +-+{line.format(1)}")
    first, second = first.split(f"    +{line.format(2)}")
    second, end = second.split("    +-----")
    swapped = f"{head}  +-+{line.format(1)}{second}    +{line.format(2)}{first}    +-----{end}"
    assert swapped != text
    assert of_error("ExceptionGroup", "m", swapped) == made


def test_the_functions_of_an_endless_recursion_are_the_group_and_not_where_it_ended() -> None:
    text = recorded("3.11")["endless"]
    frames = text.rindex('  File "')
    shorter = text[:frames] + text[text.index("RecursionError") :]
    made = of_error("RecursionError", "maximum recursion depth exceeded", text)
    assert made.frames == ("shop.orders:ping", "shop.orders:pong")
    assert of_error("RecursionError", "maximum recursion depth exceeded", shorter) == made


def _trace(*frames: tuple[str, str], type_: str = "E") -> str:
    lines = [f'  File "{path}", line 7, in {function}\n    call()' for path, function in frames]
    return "\n".join(["Traceback (most recent call last):", *lines, f"{type_}: m"])


SITE = "/usr/lib/python3.12/site-packages"


def test_frames_of_libraries_count_only_where_there_are_no_others() -> None:
    own = ("/srv/shop/orders.py", "ship")
    library = (f"{SITE}/httpx/_client.py", "send")
    standard = ("/usr/lib/python3.12/asyncio/tasks.py", "wait_for")
    assert of_error("E", "m", _trace(own, library, standard)).frames == ("shop.orders:ship",)
    assert of_error("E", "m", _trace(library)).frames == ("httpx._client:send",)


def test_the_package_of_the_task_is_its_own_code_where_it_is_installed() -> None:
    installed = _trace((f"{SITE}/shop/orders.py", "ship"), (f"{SITE}/httpx/_client.py", "send"))
    checkout = _trace(("/home/bob/src/shop/orders.py", "ship"))
    assert of_error("E", "m", installed) == of_error("E", "m", checkout)


def test_more_than_five_frames_and_repeated_ones_are_left_out() -> None:
    deep = [("/srv/shop/orders.py", f"f{number}") for number in range(9)]
    made = of_error("E", "m", _trace(*deep, *deep[-2:] * 20))
    assert made.frames == tuple(f"shop.orders:f{number}" for number in range(4, 9))


@pytest.mark.parametrize("type_", ["RuntimeError", "Exception"])
def test_a_type_that_says_nothing_needs_the_message(type_: str) -> None:
    trace = _trace(("/srv/shop/orders.py", "ship"), type_=type_)
    first, second, other = (
        of_error(type_, message, trace)
        for message in ("order 7 is late", "order 12 is late", "out of stock")
    )
    assert first == second
    assert first.grouped_by is GroupedBy.FRAMES_AND_MESSAGE
    assert first.message == "order <number> is late"
    assert first.id != other.id


def test_errors_of_a_function_that_raises_those_of_others_are_told_apart() -> None:
    trace = _trace(("/srv/shop/orders.py", "ship"), (f"{SITE}/httpx/_m.py", "raise_for_status"))
    one = of_error("HTTPStatusError", "Client error 'Not Found' for 'http://a'", trace)
    two = of_error("HTTPStatusError", "Server error: Service Unavailable", trace)
    assert one.id != two.id
    assert one.frames == two.frames == ("shop.orders:ship",)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_traceback_costs_little(name: str) -> None:
    """The calls are counted: a time would depend on what else the machine does."""
    text = f"Traceback (most recent call last):\n{HOSTILE[name]}"
    calls = 0

    def count(_frame: object, _event: str, _argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        made = of_error("E", "m" * 1_000_000, text)
    finally:
        sys.setprofile(None)
    assert calls < 36 * MAX_LINES
    assert len("".join(made.frames)) <= 5 * 200


# Without one


def test_without_a_traceback_task_type_and_message_count() -> None:
    made = of_error("app.errors.NotFoundError", "message 12 of chat 'Nishka'")
    assert made.grouped_by is GroupedBy.MESSAGE
    assert made.types == ("NotFoundError",)
    assert (made.task_name, made.message) == (TASK, "message <number> of chat <text>")
    assert of_error("NotFoundError", "message 99 of chat 'Bob'") == made
    assert of_error("NotFoundError", "chat is closed").id != made.id
    assert of_error("OtherError", "message 12 of chat 'Nishka'").id != made.id
    assert of_error("NotFoundError", "message 12 of chat 'Nishka'", task="a:b").id != made.id


def test_a_failure_of_unknown_cause_has_a_group_as_well() -> None:
    made = fingerprint(TaskRun("a" * 32, TASK, state=RunState.FAILED))
    assert (made.grouped_by, made.types, made.message) == (GroupedBy.MESSAGE, (), "")


# Soft failures


@pytest.mark.parametrize(
    ("reason", "grouped_by", "message"),
    [
        ("rate_limited: too many requests in 60 s", GroupedBy.CODE, "rate_limited"),
        ("Error: ProviderTimeout: no answer", GroupedBy.CODE, "ProviderTimeout"),
        ("3 of 10 failed: ProviderTimeout: no answer", GroupedBy.CODE, "ProviderTimeout"),
        ("Error: channel 12 not found", GroupedBy.MESSAGE, "channel <number> not found"),
        ("❌ Error: channel 'a' not found", GroupedBy.MESSAGE, "channel <text> not found"),
        ("Ingestion failed: disk full", GroupedBy.MESSAGE, "Ingestion failed: disk full"),
        ("3 failed", GroupedBy.MESSAGE, "<number> failed"),
        ("Error: ", GroupedBy.MESSAGE, "Error:"),
    ],
)
def test_soft_failures_are_grouped_by_code_or_message(
    reason: str, grouped_by: GroupedBy, message: str
) -> None:
    made = of_soft(reason)
    assert (made.grouped_by, made.message, made.task_name) == (grouped_by, message, TASK)
    assert made.soft
    assert of_soft(reason, "a:b").id != made.id


def test_a_soft_failure_and_a_failure_are_never_one_group() -> None:
    assert of_soft("no").id != of_error("", "no").id


# Ids


def test_ids_never_change() -> None:
    """Marks and saved queries hold them: another id needs another version."""
    assert of_error("KeyError", "'count'", recorded("3.13")["plain"]).id == "e97697d1bec0"
    assert of_error("NotFoundError", "message 12").id == "a8838e639f67"
    assert of_soft("rate_limited: no").id == "4c8d3f70a085"


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("/srv/app/tasks/knowledge.py", "tasks.knowledge"),
        ("C:\\app\\tasks\\knowledge.py", "tasks.knowledge"),
        ("/srv/releases/2026-11-30/main.py", "main"),
        ("/app/main.py", "main"),
        ("main.py", "main"),
        ("/srv/shop/orders/__init__.py", "shop.orders"),
        ("/srv/shop/__main__.py", "shop.__main__"),
        ("<string>", "<string>"),
        ("", ""),
    ],
)
def test_a_module_is_named_without_the_place_of_its_deployment(path: str, module: str) -> None:
    assert module_of(path) == module


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/srv/app/tasks.py", True),
        ("/usr/lib/python3.11/json/decoder.py", False),
        ("/usr/lib/python3/dist-packages/requests/api.py", False),
        ("/opt/venv/lib/python3.12/site-packages/shop/orders.py", True),
        ("/opt/venv/lib/python3.12/site-packages/shop.py", True),
        ("C:\\Python312\\Lib\\asyncio\\runners.py", False),
        ("C:\\app\\venv\\Lib\\site-packages\\httpx\\_client.py", False),
        ("<frozen importlib._bootstrap>", False),
    ],
)
def test_own_code_is_told_from_libraries(path: str, own: bool) -> None:
    assert is_own_code(path, "shop") is own
