"""What a pickle may not ask for, and how the refusal is worded."""

from typing import Any, Final, NoReturn

_SHOWN_CHARACTERS: Final = 120

_NAMES_TWO_LINES: Final = {0x63: "GLOBAL", 0x69: "INST"}
_NAMES_A_LINE: Final = {0x50: "PERSID"}
_NAMES_THE_STACK_TOP: Final = {0x51: "BINPERSID"}
_NAMES_TWO_STACK_ITEMS: Final = {0x93: "STACK_GLOBAL"}
_NAMES_A_NUMBER: Final = {0x82: ("EXT1", 1), 0x83: ("EXT2", 2), 0x84: ("EXT4", 4)}
_NAMES_NOTHING: Final = {
    0x52: "REDUCE",
    0x62: "BUILD",
    0x6F: "OBJ",
    0x81: "NEWOBJ",
    0x92: "NEWOBJ_EX",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}


class UnsafePickleError(Exception):
    """A pickle that asks for more than plain data.

    Attributes:
        opcode: the refused instruction, as `pickletools` calls it.
        wanted: the class, function or object it asked for, empty when it named none.
    """

    def __init__(self, opcode: str, wanted: str = "") -> None:
        self.opcode = opcode
        self.wanted = wanted
        what = f"{wanted} ({opcode})" if wanted else opcode
        super().__init__(f"the pickle asks for {what}, which is not plain data")


class UnreadablePickleError(Exception):
    """A pickle that is malformed or over a limit. `str()` says what is wrong with it."""


def reject(data: bytes, at: int, stack: list[Any]) -> NoReturn:
    """Refuse the instruction before `at`, naming what it wanted.

    Raises:
        UnsafePickleError: it reaches for code or for objects from elsewhere.
        UnreadablePickleError: there is no such instruction.
        IndexError: the data ends inside it.
    """
    opcode = data[at - 1]
    if opcode in _NAMES_TWO_LINES:
        module, name, *_ = (*data[at : at + 4 * _SHOWN_CHARACTERS].split(b"\n", 2), b"")
        raise UnsafePickleError(_NAMES_TWO_LINES[opcode], _shown(module + b"." + name))
    if opcode in _NAMES_A_LINE:
        line = data[at : at + 4 * _SHOWN_CHARACTERS].partition(b"\n")[0]
        raise UnsafePickleError(_NAMES_A_LINE[opcode], f"the object {_shown(line)}")
    if opcode in _NAMES_THE_STACK_TOP:
        raise UnsafePickleError(_NAMES_THE_STACK_TOP[opcode], f"the object {_shown(stack[-1])}")
    if opcode in _NAMES_TWO_STACK_ITEMS:
        wanted = f"{_shown(stack[-2])}.{_shown(stack[-1])}"
        raise UnsafePickleError(_NAMES_TWO_STACK_ITEMS[opcode], wanted)
    if opcode in _NAMES_A_NUMBER:
        name_of_opcode, width = _NAMES_A_NUMBER[opcode]
        number = int.from_bytes(data[at : at + width], "little")
        raise UnsafePickleError(name_of_opcode, f"the registered extension {number}")
    if opcode in _NAMES_NOTHING:
        raise UnsafePickleError(_NAMES_NOTHING[opcode])
    raise UnreadablePickleError(f"byte {at - 1} is no pickle instruction: 0x{opcode:02x}")


def _shown(value: object) -> str:
    """Write what was named so that it can stand in a sentence: one short printable line."""
    if isinstance(value, bytes):
        text = value[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")
    elif isinstance(value, str):
        text = value
    else:
        return f"({type(value).__name__})"
    short = text[:_SHOWN_CHARACTERS]
    return "".join(c if c.isprintable() else "?" for c in short) + "…" * (short != text)
