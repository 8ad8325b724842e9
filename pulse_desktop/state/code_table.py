"""Codes of one byte for the few different values that a field of many rows has."""

from pulse_desktop.query.dictionary_columns import OTHER


class CodeTable(dict[str, int]):
    """Codes by value, given as values are first seen: `table[value]` adds one.

    Attributes:
        by_code: the values by code, at most 255. Values are added, never changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_code: list[str] = []

    def __missing__(self, value: str) -> int:
        code = len(self.by_code)
        if code == OTHER:
            return OTHER
        self.by_code.append(value)
        self[value] = code
        return code
