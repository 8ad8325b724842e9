"""The pages of the window: made when they are first shown, one of them visible."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget

from pulse_desktop.ui.shell.page import Page, PageContext


class PageStack(QStackedWidget):
    """Pages by key.

    Attributes:
        current: the page that is shown, None before the first.

    Signals:
        page_made: a page that was shown for the first time, before it is.
        paused_changed: a table of a page was paused, or goes on.
    """

    page_made = Signal(object)
    paused_changed = Signal()

    def __init__(self, classes: Sequence[type[Page]]) -> None:
        """Make no page yet.

        Args:
            classes: what there is to be shown.
        """
        super().__init__()
        self.setObjectName("pages")
        self._classes: Mapping[str, type[Page]] = {page.key: page for page in classes}
        self._made: dict[str, Page] = {}
        self.current: Page | None = None

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a page of a key, made or not."""
        return key in self._classes

    @property
    def made(self) -> Sequence[Page]:
        """The pages that were shown so far."""
        return tuple(self._made.values())

    @property
    def paused(self) -> bool:
        """Whether a table of the shown page stands still."""
        tables = self.current.tables() if self.current is not None else ()
        return any(table.rows_model.paused for table in tables)

    def page(self, key: str, context: PageContext) -> Page:
        """Return a page, made if need be. Raises KeyError."""
        page = self._made.get(key)
        if page is None:
            page = self._made[key] = self._classes[key](context)
            self.addWidget(page)
            for table in page.tables():
                table.rows_model.paused_changed.connect(lambda _: self.paused_changed.emit())
            self.page_made.emit(page)
        return page

    def clear(self) -> None:
        """Destroy all pages."""
        if self.current is not None:
            self.current.on_hide()
        self.current = None
        for page in self._made.values():
            self.removeWidget(page)
            page.deleteLater()
        self._made.clear()

    def change_to(self, page: Page) -> None:
        """Make a page the visible one."""
        if self.current is not None:
            self.current.on_hide()
        self.current = page
        self.setCurrentWidget(page)

    def set_paused(self, *, paused: bool) -> None:
        """Let the tables of the shown page stand still, or go on."""
        for table in self.current.tables() if self.current is not None else ():
            table.set_paused(paused)
