"""Lazy item model of a decoded value: rows are created when their parent is expanded.

A value may have a million items, share parts so that it has 10^100 leaves, or contain itself.
Nothing is walked in advance; long containers are split into pages.
"""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.json.values import (
    CONTAINERS,
    Kind,
    children,
    container_text,
    key_text,
    kind_of,
    path_segment,
    scalar_text,
)
from pulse_desktop.ui.theme.plain_text import MAX_TOOLTIP, tooltip_markup
from pulse_desktop.ui.theme.theme import theme

PAGE_SIZE: Final = 1_000
"""Longer containers are split into pages of at most this many items, recursively."""

_Index = QModelIndex | QPersistentModelIndex
_ROOT: Final = QModelIndex()
_COLORS: Final = {
    Kind.TEXT: SemanticColor.GOOD,
    Kind.NUMBER: SemanticColor.WARNING,
    Kind.LITERAL: SemanticColor.RETRY,
    Kind.BYTES: SemanticColor.FAINT,
    Kind.OTHER: SemanticColor.FAINT,
    Kind.OBJECT: SemanticColor.FAINT,
    Kind.ARRAY: SemanticColor.FAINT,
}


class _Node:
    """A row: a value with its key, or a page of a long container."""

    __slots__ = ("children", "entries", "key", "kind", "number", "page", "parent", "row", "value")

    def __init__(
        self, number: int, parent: "_Node | None", row: int, key: object, value: object
    ) -> None:
        self.number = number  # position in the list of the model; the id of an index
        self.parent = parent
        self.row = row
        self.key = key
        self.value = value
        self.kind = kind_of(value)
        self.page: tuple[int, int] | None = None
        self.entries: Sequence[Any] | None = None
        self.children: list[_Node] | None = None

    @property
    def count(self) -> int:
        """The number of entries of the container, or of this page of it."""
        if self.page is not None:
            return self.page[1] - self.page[0]
        return len(self.value) if self.kind in CONTAINERS else 0  # type: ignore[arg-type]


class JsonTreeModel(QAbstractItemModel):
    """The model, with the columns key and value."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._nodes: list[_Node] = []
        self._root = self._make(None, 0, None, {})

    def set_value(self, value: object) -> None:
        """Change the value; a scalar becomes a tree with one row."""
        self.beginResetModel()
        self._nodes = []
        if kind_of(value) in CONTAINERS:
            self._root = self._make(None, 0, None, value)
        else:
            self._root = self._make(None, 0, None, {"value": value})
        self._root.children = self._children(self._root)
        self.endResetModel()

    def value_of(self, index: _Index) -> object:
        """Return the value of a row, or the part of the container that a page has."""
        node = self._node(index)
        if node.page is None:
            return node.value
        start, stop = node.page
        keys = self._entries(node)[start:stop]
        return {k: node.value[k] for k in keys} if isinstance(node.value, dict) else list(keys)

    def key_of(self, index: _Index) -> str:
        """Return the key of a row as text."""
        node = self._node(index)
        return node.key if isinstance(node.key, str) else key_text(node.key)

    def path_of(self, index: _Index) -> str:
        """Return the path of a row in the notation of jq, `.` for the root."""
        segments = []
        node: _Node | None = self._node(index)
        while node is not None and node.parent is not None:
            if node.page is None:
                segments.append(path_segment(node.key))
            node = node.parent
        path = "".join(reversed(segments))
        return path if path.startswith(".") else f".{path}"

    def index(self, row: int, column: int, parent: _Index = _ROOT) -> QModelIndex:
        """Return the index of a child."""
        node = self._node(parent)
        if node.children is None or not 0 <= row < len(node.children) or column not in (0, 1):
            return QModelIndex()
        return self.createIndex(row, column, node.children[row].number)

    def parent(self, index: _Index = _ROOT) -> QModelIndex:  # type: ignore[override]
        """Return the index of the parent of a row."""
        above = self._node(index).parent if index.isValid() else None
        if above is None or above is self._root:
            return QModelIndex()
        return self.createIndex(above.row, 0, above.number)

    def columnCount(self, _parent: _Index = _ROOT) -> int:
        """Return two: key and value."""
        return 2

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """Return the number of children created so far."""
        if parent.column() > 0:
            return 0
        return len(self._node(parent).children or ())

    def hasChildren(self, parent: _Index = _ROOT) -> bool:
        """Return whether a row can be expanded."""
        return parent.column() <= 0 and self._node(parent).count > 0

    def canFetchMore(self, parent: _Index) -> bool:
        """Return whether the children of a row were not created yet."""
        node = self._node(parent)
        return parent.column() <= 0 and node.children is None and node.count > 0

    def fetchMore(self, parent: _Index) -> None:
        """Create the children of a row."""
        node = self._node(parent)
        if node.children is not None:
            return
        created = self._children(node)
        if created:
            self.beginInsertRows(parent, 0, len(created) - 1)
            node.children = created
            self.endInsertRows()

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the data of a cell."""
        if not index.isValid():
            return None
        node = self._node(index)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _display_key(node) if index.column() == 0 else _display_value(node)
            case Qt.ItemDataRole.ForegroundRole:
                return theme().color(_color(node, index.column()))
            case Qt.ItemDataRole.ToolTipRole if index.column() == 1 and node.kind is Kind.TEXT:
                return tooltip_markup(scalar_text(node.value, MAX_TOOLTIP))
            case _:
                return None

    def _node(self, index: _Index) -> _Node:
        return self._nodes[index.internalId()] if index.isValid() else self._root

    def _make(self, parent: _Node | None, row: int, key: object, value: object) -> _Node:
        node = _Node(len(self._nodes), parent, row, key, value)
        self._nodes.append(node)
        return node

    def _entries(self, node: _Node) -> Sequence[Any]:
        if node.entries is None:
            node.entries = children(node.value)
        return node.entries

    def _children(self, node: _Node) -> list[_Node]:
        """Create the children of a container or page, at most PAGE_SIZE of them."""
        if not node.count:
            return []
        entries = self._entries(node)
        start, stop = node.page or (0, len(entries))
        if stop - start > PAGE_SIZE:
            size = PAGE_SIZE
            while (stop - start) / size > PAGE_SIZE:
                size *= PAGE_SIZE
            pages = []
            for row, first in enumerate(range(start, stop, size)):
                page = self._make(node, row, None, node.value)
                page.page = (first, min(first + size, stop))
                page.entries = entries
                pages.append(page)
            return pages
        if isinstance(node.value, dict):
            value = node.value
            return [
                self._make(node, i, entries[start + i], value[entries[start + i]])
                for i in range(stop - start)
            ]
        return [self._make(node, i, start + i, entries[start + i]) for i in range(stop - start)]


def _display_key(node: _Node) -> str:
    if node.page is not None:
        return f"{node.page[0]:,} … {node.page[1] - 1:,}"
    return key_text(node.key)


def _display_value(node: _Node) -> str:
    if node.page is not None:
        return ""
    if node.kind in CONTAINERS:
        return container_text(node.value, node.count)
    return scalar_text(node.value)


def _color(node: _Node, column: int) -> SemanticColor:
    if column == 1:
        return _COLORS[node.kind]
    if node.page is not None:
        return SemanticColor.FAINT
    return SemanticColor.TEXT if node.kind in CONTAINERS else SemanticColor.INFO
