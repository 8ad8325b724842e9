"""The state of a filter as a value, to be kept, compared and restored."""

from dataclasses import dataclass

from pulse_desktop.model.time_range import TimeRange


@dataclass(frozen=True, slots=True)
class FilterState:
    """A filter of a page.

    Attributes:
        text: the query as typed.
        facets: keys of the checked facets.
        time_range: of the window, None for whatever it is.
    """

    text: str = ""
    facets: frozenset[str] = frozenset()
    time_range: TimeRange | None = None

    @property
    def active(self) -> bool:
        """Whether it may exclude rows."""
        limits_time = self.time_range is not None and self.time_range.limits_rows
        return bool(self.text or self.facets or limits_time)

    def same_rows(self, other: "FilterState") -> bool:
        """Return whether another filter has the same query and facets, whatever its time range."""
        return (self.text, self.facets) == (other.text, other.facets)
