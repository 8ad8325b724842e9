"""Reading tracebacks of several Python versions, and texts that only look like one."""

import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.query.traceback_text import read_traceback
from tests.unit.query.recorded_tracebacks import VERSIONS, recorded


def _summary(text: str) -> list[tuple[int, str, str, list[str]]]:
    return [
        (each.depth, each.relation, each.name, [frame.function for frame in each.frames])
        for each in read_traceback(text)
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_chain_is_read_in_order_with_its_relations(version: str) -> None:
    raised = read_traceback(recorded(version)["context"])
    assert [(each.relation, each.name) for each in raised] == [
        ("", "KeyError"),
        ("cause", "OrderError"),
        ("context", "StatusError"),
    ]
    assert raised[1].message.splitlines() == [
        'order 4711 of "bob" is',
        "incomplete: Traceback (most recent call last):",
    ]
    assert [frame.function for frame in raised[2].frames] == [
        "context",
        "fetch",
        "raise_for_status",
    ]
    assert raised[2].frames[0].source == 'client.fetch("http://10.0.0.1/orders/4711")'
    assert raised[2].type == "httplib.client.StatusError"


@pytest.mark.parametrize("version", VERSIONS)
def test_members_of_an_exception_group_follow_it(version: str) -> None:
    raised = read_traceback(recorded(version)["group"])
    assert [(each.depth, each.name) for each in raised] == [
        (1, "ExceptionGroup"),
        (2, "KeyError"),
        (2, "KeyError"),
        (2, "OrderError"),
    ]
    assert raised[-1].relation == "cause"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_python_leaves_out_is_noted(version: str) -> None:
    (recursion,) = read_traceback(recorded(version)["recursion"])
    assert recursion.repeats
    assert [frame.function for frame in recursion.frames] == ["<lambda>", *["countdown"] * 4]
    (syntax,) = read_traceback(recorded(version)["syntax"])
    assert (syntax.name, syntax.message) == ("SyntaxError", "'(' was never closed")


def test_exceptions_that_were_never_raised_have_no_frames() -> None:
    inner = ExceptionGroup("inner", [ValueError(1), TypeError(2)])
    text = "".join(traceback.format_exception(ExceptionGroup("outer", [inner, OSError(3)])))
    assert _summary(text) == [
        (1, "", "ExceptionGroup", []),
        (2, "", "ExceptionGroup", []),
        (3, "", "ValueError", []),
        (3, "", "TypeError", []),
        (2, "", "OSError", []),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no traceback at all",
        "File a.py, line 1",
        "\n\n\n",
        "Traceback (most recent call last):",
    ],
)
def test_a_text_without_a_traceback_has_no_frames(text: str) -> None:
    assert not any(each.frames for each in read_traceback(text))


@given(st.text(st.sampled_from(list('Traceback (most:)\n| +-File "x", line 1, in f~^'))))
def test_no_text_is_too_odd(text: str) -> None:
    read_traceback(text)
    read_traceback(f"Traceback (most recent call last):\n{text}")


FRAME = '  File "/srv/app/{0}.py", line {0}, in f{0}\n    g()\n'
CONTEXT = "During handling of the above exception, another exception occurred:"
HOSTILE = {
    "3,000 frames": "".join(FRAME.format(number) for number in range(3_000)),
    "1 MB message": f"{FRAME.format(1)}ValueError: {'x' * 1_000_000}",
    "1 MB line of a frame": f'  File "{"a" * 1_000_000}", line 1, in f',
    "1 MB of lines": "\n" * 1_000_000,
    "many groups": "  + Exception Group Traceback (most recent call last):\n" * 20_000,
    "many members": "  +-+---------------- 1 ----------------\n    | E: 1\n" * 20_000,
    "many quotes": '  File "' + '", line 1, in ' * 60_000,
    "many headers": f"E: 1\n\n{CONTEXT}\n\n" * 15_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_read_within_a_frame(name: str) -> None:
    text = f"Traceback (most recent call last):\n{HOSTILE[name]}"
    started = time.process_time()
    raised = read_traceback(text)
    assert time.process_time() - started < 0.1
    assert len(raised) <= 64


def test_of_a_long_traceback_the_deepest_frames_are_read() -> None:
    text = f"Traceback (most recent call last):\n{HOSTILE['3,000 frames'] * 3}ValueError: x"
    assert len(text) > 256 * 1024
    (raised,) = read_traceback(text)
    assert (raised.name, raised.frames[0].function) == ("ValueError", "f0")
    assert raised.frames[-1].function == "f2999"
