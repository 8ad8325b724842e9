"""The safe pickle reader: refuses every hostile pickle, reads plain data as `pickle` does."""

import contextlib
import copyreg
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.protocol.safe_pickle import (
    PickleLimits,
    UnreadablePickleError,
    UnsafePickleError,
    read_pickle,
)


class SystemCall:
    """Pickles as a call of `os.system`."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


class Plain:
    """An ordinary object, restored by the BUILD instruction."""

    def __init__(self) -> None:
        self.x = 1


class Registered:
    """A class in the extension registry."""


def scalars(protocol: int) -> st.SearchStrategy[Any]:
    texts = st.text(st.characters(exclude_categories=()))
    integers = st.integers() | st.integers(-(1 << 200), 1 << 200)
    kinds: list[st.SearchStrategy[Any]] = [
        st.none(),
        st.booleans(),
        integers,
        st.floats(allow_nan=False),
        texts,
    ]
    if protocol >= 3:
        kinds.append(st.binary())
    return st.one_of(kinds)


def plain_data(protocol: int) -> st.SearchStrategy[Any]:
    leaves = scalars(protocol)
    keys: st.SearchStrategy[Any] = st.one_of(leaves, st.tuples(leaves, leaves))
    if protocol >= 4:
        keys = st.one_of(keys, st.frozensets(leaves, max_size=4))
    mutable: st.SearchStrategy[Any] = st.binary().map(bytearray) if protocol >= 5 else st.nothing()

    def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        kinds: list[st.SearchStrategy[Any]] = [
            st.lists(children),
            st.lists(children).map(tuple),
            st.dictionaries(keys, children),
        ]
        if protocol >= 4:
            kinds += [st.sets(keys), st.frozensets(keys)]
        return st.one_of(kinds)

    values = st.recursive(leaves | mutable, containers, max_leaves=20)
    return values | values.map(lambda value: [value, (value, value)])


def typed(value: Any) -> tuple[type, Any]:
    """Return a value with its types, so that 1 differs from True and a list from a tuple."""
    kind = type(value)
    if kind is dict:
        return kind, [(typed(key), typed(item)) for key, item in value.items()]
    if kind in (set, frozenset):
        return kind, frozenset(map(typed, value))
    if kind in (list, tuple):
        return kind, tuple(map(typed, value)) if kind is tuple else [typed(x) for x in value]
    return kind, repr(value)


@pytest.mark.hypothesis
@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_is_read_as_pickle_does(protocol: int) -> None:
    @given(plain_data(protocol))
    def check(value: Any) -> None:
        body = pickle.dumps(value, protocol)
        assert typed(read_pickle(body)) == typed(value) == typed(pickle.loads(body))

    check()


@pytest.mark.parametrize("protocol", range(6))
def test_edge_case_numbers_and_long_strings_survive(protocol: int) -> None:
    value = [
        *[
            0,
            -1,
            255,
            256,
            65535,
            65536,
            2**31 - 1,
            2**31,
            -(2**31),
            -(2**31) - 1,
            2**63,
            2**2047,
            -(2**8000),
        ],
        *[float("inf"), -0.0, 5e-324, True, False],
        *["", "a" * 255, "б" * 300, "x" * 70_000, "\ud800", "line\nbreak\\u0041\x1a"],
        {1: "int", None: "none", 2.5: "float", (1, (2, "x")): "tuple", False: "lie"},
        [[[]], (), {}, ((),), [{}] * 2000],
    ]
    read = read_pickle(pickle.dumps(value, protocol))
    assert repr(read) == repr(value)
    nan = read_pickle(pickle.dumps(float("nan"), protocol))
    assert nan != nan


def test_framed_pickles_and_rare_instructions_are_read() -> None:
    big = {"texts": ["word " * 30_000] * 2, "blob": bytes(70_000), "buffer": bytearray(9)}
    assert read_pickle(pickle.dumps(big, 5)) == big
    assert read_pickle(pickletools.optimize(pickle.dumps(big, 5))) == big
    assert read_pickle(b"\x80\x04\x8d\x02\0\0\0\0\0\0\0hi.") == "hi"
    assert read_pickle(b"\x80\x04\x8e\x02\0\0\0\0\0\0\0hi.") == b"hi"
    assert read_pickle(b"(I1\nI2\n1K\x07.") == 7  # POP_MARK
    assert read_pickle(b"K\x01K\x02(00.") == 1  # POP of a mark and of a value
    assert read_pickle(b"K\x012\x86.") == (1, 1)  # DUP
    assert read_pickle(b"(K\x01K\x02l.") == [1, 2]
    assert read_pickle(b"(K\x01K\x02d.") == {1: 2}
    assert read_pickle(b"U\x02hiT\x02\0\0\0yo\x86.") == ("hi", "yo")  # texts of Python 2
    assert read_pickle(b"K\x01r\x05\0\0\x000j\x05\0\0\0.") == 1  # a memo that does not begin at 0


def test_a_result_of_a_typical_size_is_read() -> None:
    rows = [
        {"id": i, "content": f"message number {i} " * 3, "score": i / 7, "tags": ["a", f"b{i % 9}"]}
        for i in range(5_000)
    ]
    body = pickle.dumps(rows)
    assert read_pickle(body) == rows


def assert_refused(body: bytes, opcode: str, wanted: str = "") -> None:
    with pytest.raises(UnsafePickleError) as caught:
        read_pickle(body)
    assert caught.value.opcode == opcode
    assert caught.value.wanted == wanted
    assert opcode in str(caught.value)


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_refused_by_name_and_never_executed(protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    body = pickle.dumps({"return_value": SystemCall(f"touch {trace}")}, protocol)
    opcode = "STACK_GLOBAL" if protocol >= 4 else "GLOBAL"
    assert_refused(body, opcode, f"{os.system.__module__}.system")
    assert not trace.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_an_instance_of_a_class_is_refused(protocol: int) -> None:
    with pytest.raises(UnsafePickleError) as caught:
        read_pickle(pickle.dumps(Plain(), protocol))
    assert caught.value.wanted in {f"{__name__}.Plain", "copy_reg._reconstructor"}


@pytest.mark.parametrize(
    ("body", "opcode", "wanted"),
    [
        (b"cos\nsystem\n(S'id'\ntR.", "GLOBAL", "os.system"),
        (b"(ios\nsystem\n.", "INST", "os.system"),
        (b"(K\x01o.", "OBJ", ""),
        (b"K\x01)R.", "REDUCE", ""),
        (b"}}b.", "BUILD", ""),
        (b"K\x01)\x81.", "NEWOBJ", ""),
        (b"K\x01)}\x92.", "NEWOBJ_EX", ""),
        (b"P7\n.", "PERSID", "the object 7"),
        (b"\x8c\x05thingQ.", "BINPERSID", "the object thing"),
        (b"K\x07Q.", "BINPERSID", "the object (int)"),
        (b"\x82\xf0.", "EXT1", "the registered extension 240"),
        (b"\x83\x01\x02.", "EXT2", "the registered extension 513"),
        (b"\x84\x01\0\0\0.", "EXT4", "the registered extension 1"),
        (b"\x80\x05\x97.", "NEXT_BUFFER", ""),
        (b"\x80\x05K\x01\x98.", "READONLY_BUFFER", ""),
        (b"\x8c\x02os\x8c\x06system\x93.", "STACK_GLOBAL", "os.system"),
        (b"K\x01]\x93.", "STACK_GLOBAL", "(int).(list)"),
    ],
)
def test_instructions_beyond_plain_data_are_refused_by_name(
    body: bytes, opcode: str, wanted: str
) -> None:
    assert_refused(body, opcode, wanted)


def test_a_registered_extension_is_refused() -> None:
    copyreg.add_extension(__name__, "Registered", 200)
    try:
        body = pickle.dumps(Registered, 2)
        assert_refused(body, "EXT1", "the registered extension 200")
    finally:
        copyreg.remove_extension(__name__, "Registered", 200)


def test_a_refusal_is_described_in_one_short_printable_line() -> None:
    hostile = b"c" + b"evil\x1b[31m\r\xff" * 10 + b"\n" + b"n" * 10_000 + b"\n."
    wanted = wanted_by(hostile)
    assert wanted.isprintable()
    assert len(wanted) < 130


def wanted_by(body: bytes) -> str:
    with pytest.raises(UnsafePickleError) as caught:
        read_pickle(body)
    return caught.value.wanted


def test_exactly_the_plain_instructions_are_supported() -> None:
    allowed = set()
    for opcode in pickletools.opcodes:
        try:
            read_pickle(b"]]" + opcode.code.encode("latin-1"))
        except UnsafePickleError:
            continue
        except UnreadablePickleError as error:
            if "no pickle instruction" in str(error):
                continue
        allowed.add(opcode.name)
    assert {o.name for o in pickletools.opcodes} - allowed == {
        *["GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX"],
        *["EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER"],
        "STRING",  # only Python 2 writes it, with escapes of its own
    }


def billion_laughs() -> bytes:
    value: list[Any] = ["lol"]
    for _ in range(100):
        value = [value, value]
    return pickle.dumps(value)


def exponential_tuple_key() -> bytes:
    return b"\x80\x04}K\x01" + b"2\x86" * 60 + b"Ns."


def cyclic_list() -> bytes:
    value: list[Any] = []
    value.append(value)
    return pickle.dumps(value)


def cyclic_through_a_tuple() -> bytes:
    value: dict[str, Any] = {}
    value["self"] = (1, [value])
    return pickle.dumps(value)


def dict_with(keys: Iterable[Any]) -> bytes:
    """Write the pickle without making the dict, which would take half a minute."""
    return b"}(" + b"".join(pickle.dumps(key, 2)[2:-1] + b"N" for key in keys) + b"u."


def colliding_numbers() -> bytes:
    modulus = sys.hash_info.modulus
    return dict_with(n * modulus for n in range(60_000))


def colliding_tuples() -> bytes:
    pairs = [tuple(-1 - (n >> bit & 1) for bit in range(14)) for n in range(1 << 14)]
    return dict_with(pairs)


HOSTILE = {
    "a memo place 2**31 in 9 bytes": b"]r\xff\xff\xff\x7f0N.",
    "a memo place with 30 digits": b"Np" + b"9" * 30 + b"\n.",
    "a negative memo place": b"Nq\x00Ng-1\n.",
    "a memo place never filled": b"Nq\x09h\x03.",
    "a byte array of 2**62 bytes": b"\x80\x05\x96\0\0\0\0\0\0\0\x40ab.",
    "bytes of 2**62 bytes": b"\x80\x04\x8e\0\0\0\0\0\0\0\x40ab.",
    "a text of 2**62 bytes": b"\x80\x04\x8d\0\0\0\0\0\0\0\x40ab.",
    "a text of 4 GB": b"\x80\x04X\xff\xff\xff\xffab.",
    "an old text of negative length": b"T\xff\xff\xff\xffab.",
    "a frame of 2**63 bytes": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
    "an integer of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "an integer of negative length": b"\x80\x02\x8b\xff\xff\xff\xff\x01.",
    "an integer of 1 MB": b"\x80\x02\x8b" + struct.pack("<i", 1 << 20) + b"\x01" * (1 << 20) + b".",
    "an integer of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
    "a long of a million digits": b"L" + b"9" * 1_000_000 + b"L\n.",
    "10**30 leaves": billion_laughs(),
    "a key whose hash never ends": exponential_tuple_key(),
    "a list 200 000 deep": b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "a tuple 200 000 deep": b"\x80\x04)" + b"\x85" * 200_000 + b".",
    "a key 200 000 deep": b"\x80\x04})" + b"\x85" * 200_000 + b"Ns.",
    "a set member 200 000 deep": b"\x80\x04\x8f()" + b"\x85" * 200_000 + b"\x90.",
    "a list that contains itself": cyclic_list(),
    "a dict that contains itself": cyclic_through_a_tuple(),
    "a dict of colliding numbers": colliding_numbers(),
    "a dict of colliding tuples": colliding_tuples(),
    "ten million sets": b"\x80\x04(" + b"\x8f" * 10_000_000 + b"t.",
    "ten million marks": b"(" * 10_000_000,
    "ten million memo places": b"N" + b"\x94" * 10_000_000 + b".",
    "a text shown a million times": b"\x80\x04X\0\0\x01\0"
    + b"x" * 65536
    + b"q\0]("
    + b"h\0" * 99_999
    + b"e\x86.",
    "an integer shown many times": b"\x80\x02\x8b\0\4\0\0"
    + b"\x77" * 1024
    + b"q\0]("
    + b"h\0" * 99_999
    + b"e\x86.",
    "an unknown instruction": b"\xff.",
    "an unknown protocol": b"\x80\x06N.",
    "a text of Python 2": b"S'a\\x41'\n.",
    "an unhashable key": b"}]Ns.",
    "a key that holds a list": b"}]\x85Ns.",
    "a key without a value": b"}(Nu.",
    "items added to a text": b"\x8c\x01a(Ne.",
    "an item appended to a tuple": b")Na.",
    "entries put into a list": b"](NNu.",
    "members added to a list": b"](N\x90.",
    "nothing": b"",
    "only an end": b".",
    "an end below a mark": b"(N.",
    "two values": b"NN.",
    "a mark below the stack": b"NN(00t.",
    "a tuple of what is not there": b"N\x86.",
    "a number that is none": b"Fabc\n.",
    "an integer that is none": b"Iabc\n.",
    "a line without an end": b"I12",
    "a text that is not UTF-8": b"\x8c\x01\xff.",
    "an escape that is none": b"V\\u00\n.",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_malformed_pickle_is_refused_quickly_with_a_reason(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(UnreadablePickleError) as caught:
        read_pickle(body)
    assert time.process_time() - began < 10
    assert str(caught.value)


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(UnreadablePickleError, match="more bytes follow"):
        read_pickle(pickle.dumps({"a": 1}) + b"x")


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_truncated_anywhere_is_refused(protocol: int) -> None:
    value = {"a": [1, 2.5, "text", None, True, (1, 2, 3, 4), 10**30, {"b": "б" * 300}]}
    body = pickle.dumps(value, protocol)
    for length in range(len(body)):
        with pytest.raises(UnreadablePickleError):
            read_pickle(body[:length])


def test_each_limit_can_be_set() -> None:
    def limited(value: Any, **limits: int) -> str:
        with pytest.raises(UnreadablePickleError) as caught:
            read_pickle(pickle.dumps(value), PickleLimits(**limits))
        return str(caught.value)

    assert limited([1] * 100, max_bytes=10) == "larger than 1 MiB"
    assert limited([1] * 100, max_nodes=100) == "more than 100 values"
    assert limited([[[]]], max_depth=2) == "nested deeper than 2 levels"
    assert "of text" in limited(["aaa", b"bbb"], max_text_bytes=5)
    assert limited([1] * 100, max_opcodes=50) == "more than 50 instructions"
    assert "memory" in limited([[] for _ in range(100)], max_memory=1000)
    assert limited(["a", "b", "c"], max_memo=2) == "more than 2 remembered values"
    assert limited(1 << 100, max_int_bytes=8) == "an integer of more than 8 bytes"
    assert limited({(1, 2, 3): 0}, max_key_nodes=2) == "a key is too large"
    assert "one hash" in limited({-1: 0, -2: 0}, max_equal_hashes=1)
    assert read_pickle(pickle.dumps([1] * 99), PickleLimits(max_nodes=100)) == [1] * 99


change_lists = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from("sid")), max_size=6
)


def mutate(body: bytes, changes: list[tuple[int, int, str]]) -> bytes:
    damaged = bytearray(body)
    for position, byte, kind in changes:
        at = position % (len(damaged) + 1)
        if kind == "i":
            damaged.insert(at, byte)
        elif at < len(damaged):
            if kind == "s":
                damaged[at] = byte
            else:
                del damaged[at]
    return bytes(damaged)


@given(st.binary(max_size=400))
@example(b"\x80")
def test_random_bytes_raise_only_the_documented_errors(body: bytes) -> None:
    with contextlib.suppress(UnsafePickleError, UnreadablePickleError):
        repr(read_pickle(body))


def pickles(protocol: int) -> st.SearchStrategy[bytes]:
    return plain_data(protocol).map(lambda value: pickle.dumps(value, protocol))


@given(st.one_of(*map(pickles, range(6))), change_lists)
def test_damaged_pickles_raise_only_the_documented_errors(
    body: bytes, changes: list[tuple[int, int, str]]
) -> None:
    with contextlib.suppress(UnsafePickleError, UnreadablePickleError):
        repr(read_pickle(mutate(body, changes)))


@given(
    st.lists(
        st.sampled_from(b"(0123)]}eautlds\x85\x86\x87\x88\x8f\x90\x91\x94NK\x01h\x00q."),
        max_size=60,
    )
)
def test_any_order_of_plain_instructions_raises_only_the_documented_errors(
    opcodes: list[int],
) -> None:
    with contextlib.suppress(UnsafePickleError, UnreadablePickleError):
        repr(read_pickle(bytes(opcodes) + b"."))


@pytest.mark.parametrize("size_mib", [2, pytest.param(16, marks=pytest.mark.slow)])
def test_memory_stays_bounded_for_any_claimed_size(size_mib: int) -> None:
    program = textwrap.dedent("""
        import resource, sys
        from pulse_desktop.protocol.safe_pickle import UnreadablePickleError, read_pickle
        started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = int(sys.argv[1]) << 20
        def bodies():
            yield b"\\x80\\x05\\x96" + b"\\xff" * 7 + b"\\x7f."
            yield b"]r\\xff\\xff\\xff\\x7f0N."
            yield b"\\x80\\x02\\x8b\\xff\\xff\\xff\\x7f."
            yield b"(" + b"\\x8f" * (size - 10) + b"t."
            yield b"(" + b"]" * (size - 10) + b"t."
            yield b"(" * size
            yield b"N" + b"\\x94" * (size - 10) + b"."
            yield b"(" + b"M\\x00\\x10" * (size // 3 - 10) + b"t."
            yield b"\\x80\\x05(" + (b"\\x96" + bytes(8)) * (size // 9 - 10) + b"t."
            yield b"\\x80\\x04\\x8f(" + b"M\\x00\\x10" * (size // 3 - 10) + b"\\x90."
            yield b"\\x80\\x04X\\x00\\x00\\xf0\\x00\\xf0\\x9f\\x98\\x80" + b"x" * 0xeffffc + b"."

        for body in bodies():
            try:
                read_pickle(body)
            except UnreadablePickleError:
                pass
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - started
        print(peak // 1024)
    """)
    if sys.platform == "win32":
        pytest.skip("the resource module is for Unix")
    done = subprocess.run(
        [sys.executable, "-c", program, str(size_mib)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert int(done.stdout) < 76 + 14 * size_mib  # MiB above the start, the body included
