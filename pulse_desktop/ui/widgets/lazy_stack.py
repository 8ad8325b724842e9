"""A stack of widgets that are created when they are first shown."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QStackedWidget, QWidget


class LazyStack(QStackedWidget):
    """Widgets at fixed places, of which only those exist that were needed."""

    def __init__(self, factories: Sequence[Callable[[], QWidget]]) -> None:
        """Create an empty stack.

        Args:
            factories: create the widgets, by place.
        """
        super().__init__()
        self._factories = factories
        self._created: dict[int, QWidget] = {}
        for _factory in factories:
            self.addWidget(QWidget())  # the widget takes its place

    def created(self, place: int) -> QWidget | None:
        """Return the widget of a place if it was needed before."""
        return self._created.get(place)

    def get(self, place: int) -> QWidget:
        """Return the widget of a place."""
        widget = self._created.get(place)
        if widget is None:
            widget = self._created[place] = self._factories[place]()
            empty = self.widget(place)
            self.insertWidget(place, widget)
            if empty is not None:
                self.removeWidget(empty)
                empty.deleteLater()
        return widget

    def show_place(self, place: int) -> None:
        """Show the widget of a place."""
        self.setCurrentWidget(self.get(place))
