"""The facets of a filter bar: a chip for each, with the number of rows that belong to it."""

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QSignalBlocker, Signal

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.widgets.filter_chip import FilterChip
from pulse_desktop.ui.widgets.flow_layout import FlowLayout


class FilterChips(FlowLayout):
    """Chips in a row, or in several where one is too narrow.

    Attributes:
        by_key: the chips by facet key.

    Signals:
        changed: a chip was checked or unchecked.
        width_changed: the chips need another width in one line.
    """

    changed = Signal()
    width_changed = Signal()

    def __init__(self, format_count: Callable[[int], str]) -> None:
        """Create a row without chips.

        Args:
            format_count: formats the count of a facet.
        """
        super().__init__()
        self.by_key: dict[str, FilterChip] = {}
        self._facets: dict[str, Facet] = {}
        self._format_count = format_count
        self._counts: Mapping[str, int] = {}
        self._counts_known = True
        self._is_stale = False

    @property
    def checked(self) -> frozenset[str]:
        """Keys of the checked facets."""
        return frozenset(key for key, chip in self.by_key.items() if chip.isChecked())

    @property
    def is_stale(self) -> bool:
        """Whether the counts may have changed since."""
        return self._is_stale

    def add_facet(self, facet: Facet, before: str = "") -> None:
        """Add a facet before another one, given by its key, or at the end."""
        chip = FilterChip(facet.label, facet.icon, facet.color)
        chip.setCheckable(True)
        set_tooltip(chip, facet.tooltip or _("Show only {facet}").format(facet=facet.label))
        chip.toggled.connect(lambda _checked: self.changed.emit())
        self.by_key[facet.key] = chip
        self._facets[facet.key] = facet
        self.add(chip, self.by_key.get(before))
        self.show()

    def set_checked(self, keys: Iterable[str]) -> None:
        """Check the chips of these facets and no others, without a signal."""
        checked = frozenset(keys)
        with QSignalBlocker(self):
            for key, chip in self.by_key.items():
                chip.setChecked(key in checked)
        self.show_counts()

    def set_counts(self, counts: Mapping[str, int], *, known: bool, stale: bool) -> None:
        """Show the number of rows of each facet, by key.

        Args:
            counts: numbers of rows.
            known: whether they are known; otherwise none is shown.
            stale: whether they may have changed since: they are shown without a color.
        """
        self._counts, self._counts_known, self._is_stale = dict(counts), known, stale
        self.show_counts()

    def set_stale(self) -> None:
        """Show the present counts as outdated."""
        self._is_stale = True
        self.show_counts()

    def show_counts(self) -> None:
        """Show the counts, and hide chips that are not needed."""
        before = self.sizeHint().width()
        for key, chip in self.by_key.items():
            facet, count = self._facets[key], self._counts.get(key, 0)
            chip.set_count(self._format_count(count) if self._counts_known else "")
            judged = count and not self._is_stale
            chip.set_stale(stale=self._is_stale)
            chip.set_color(facet.color if judged else SemanticColor.MUTED)
            chip.setHidden(facet.hide_when_empty and not count and not chip.isChecked())
        if self.sizeHint().width() != before:
            self.width_changed.emit()
