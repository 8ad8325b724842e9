"""The pages of the window: created when they are first shown, one of them visible."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget

from pulse_desktop.ui.page.page import Page, PageContext


class PageStack(QStackedWidget):
    """Pages by key.

    Attributes:
        current: the page that is shown, None before the first.

    Signals:
        page_created: a page, or the page of a tab, that is about to be shown for the first time.
        paused_changed: a table of a page was paused or resumed.
    """

    page_created = Signal(object)
    paused_changed = Signal()

    def __init__(self, classes: Sequence[type[Page]]) -> None:
        """Create the stack without pages.

        Args:
            classes: the pages that can be shown.
        """
        super().__init__()
        self.setObjectName("pages")
        self._classes: Mapping[str, type[Page]] = {page.key: page for page in classes}
        self._created: dict[str, Page] = {}
        self.current: Page | None = None

    def __contains__(self, key: object) -> bool:
        """Return whether there is a page with a key, created or not."""
        return key in self._classes

    @property
    def created(self) -> Sequence[Page]:
        """The pages that were shown so far, each tab as a page of its own."""
        return tuple(part for page in self._created.values() for part in page.parts())

    @property
    def paused(self) -> bool:
        """Whether a table of the visible page is paused."""
        tables = self.current.tables() if self.current is not None else ()
        return any(table.rows_model.paused for table in tables)

    def page(self, key: str, context: PageContext) -> Page:
        """Return a page, created if necessary. Raises KeyError."""
        page = self._created.get(key)
        if page is None:
            page = self._created[key] = self._classes[key](replace(context, container=self))
            self.addWidget(page)
            for part in page.parts():
                self._adopt(part)
            page.part_created.connect(self._adopt)
        return page

    def _adopt(self, page: Page) -> None:
        for table in page.tables():
            table.rows_model.paused_changed.connect(lambda _: self.paused_changed.emit())
        self.page_created.emit(page)

    def clear(self) -> None:
        """Destroy all pages."""
        if self.current is not None:
            self.current.on_hide()
        self.current = None
        for page in self._created.values():
            self.removeWidget(page)
            page.deleteLater()
        self._created.clear()

    def set_current_page(self, page: Page) -> None:
        """Show a page instead of the current one."""
        if self.current is not None:
            self.current.on_hide()
        self.current = page
        self.setCurrentWidget(page)

    def set_paused(self, *, paused: bool) -> None:
        """Pause or resume the tables of the visible page."""
        for table in self.current.tables() if self.current is not None else ():
            table.set_paused(paused)
