"""Colors and fonts of the application.

Every widget takes its colors from the tokens in `resources/theme`, so that the theme can be
switched at any time, and so that one test can check every contrast.
"""

import enum
from typing import Any, Final

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QToolTip

from pulse_desktop.resources import resource_path
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui import garbage_collection
from pulse_desktop.ui.theme.style_sheet import style_sheet

MIN_TEXT_SIZE: Final = 13
"""Minimum height of ordinary text, in device-independent pixels."""
MAX_TEXT_SIZE: Final = 17
"""Maximum height of ordinary text: the rows of tables are 28 pixels high."""


class ThemeChoice(enum.StrEnum):
    """Theme that the operator chose."""

    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


class Tokens(msgspec.Struct, frozen=True):
    """Colors of a theme, as `#rrggbb`.

    Attributes:
        name: "dark" or "light".
        colors: by purpose.
        topics: line colors of the topics; for graphics, not for text.
        profiles: fill colors of connection profiles, and `on_profile`, the text on them.
    """

    name: str
    colors: dict[str, str]
    topics: dict[str, str]
    profiles: dict[str, str]


def load_tokens(name: str) -> Tokens:
    """Read the tokens of the "dark" or "light" theme."""
    path = resource_path("theme", f"tokens-{name}.json")
    return msgspec.json.decode(path.read_bytes(), type=Tokens)


class Theme(QObject):
    """Current colors and fonts.

    Attributes:
        choice: theme that the operator chose.
        tokens: colors of the current theme.

    Signals:
        changed: colors and fonts changed; caches of either are stale.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice = ThemeChoice.SYSTEM
        self.tokens = load_tokens("dark")
        self._colors: dict[str, QColor] = {}
        self._fonts: dict[tuple[str, int, bool], QFont] = {}
        self._installed = False
        self._applied = False

    def color(self, name: str | SemanticColor) -> QColor:
        """Return the color of a token. It is shared: do not modify it.

        Raises:
            KeyError: no theme has such a token.
        """
        known = self._colors.get(name)
        if known is None:
            known = self._colors[name] = QColor(self.tokens.colors[name])
        return known

    def topic(self, topic: str) -> QColor:
        """Return the line color of a topic, a faint one for an unknown topic."""
        key = f"topic {topic}"
        known = self._colors.get(key)
        if known is None:
            value = self.tokens.topics.get(topic) or self.tokens.colors["faint"]
            known = self._colors[key] = QColor(value)
        return known

    def profile(self, color: str) -> QColor:
        """Return the fill color of a connection profile, or `on_profile`. Raises KeyError."""
        known = self._colors.get(f"profile {color}")
        if known is None:
            known = self._colors[f"profile {color}"] = QColor(self.tokens.profiles[color])
        return known

    def text_font(self, *, step: int = 0, bold: bool = False) -> QFont:
        """Return the font of the system, `step` pixels larger than ordinary text."""
        known = self._fonts.get(("text", step, bold))
        if known is not None:
            return QFont(known)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
        font.setPixelSize(_text_height(font) + step)
        font.setFeature(QFont.Tag("tnum"), 1)
        if bold:
            font.setWeight(QFont.Weight.DemiBold)
        self._fonts["text", step, bold] = QFont(font)
        return font

    def number_font(self, *, step: int = 0) -> QFont:
        """Return the monospaced font for numbers, identifiers and code."""
        known = self._fonts.get(("number", step, False))
        if known is not None:
            return QFont(known)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        height = _text_height(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont))
        # Monospaced fonts appear larger than proportional ones of the same size.
        font.setPixelSize(height - 1 + step)
        font.setStyleHint(QFont.StyleHint.Monospace)
        self._fonts["number", step, False] = QFont(font)
        return font

    def install(self, choice: ThemeChoice = ThemeChoice.SYSTEM) -> None:
        """Apply a theme to the application, and follow changes of the system theme.

        Raises:
            RuntimeError: there is no QApplication yet.
        """
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            raise RuntimeError("the theme needs a QApplication")  # noqa: TRY004
        if not self._installed:
            self._installed = True
            app.setStyle(QStyleFactory.create("Fusion"))
            QGuiApplication.styleHints().colorSchemeChanged.connect(self._update)
        self.choose(choice)

    def choose(self, choice: ThemeChoice) -> None:
        """Switch to the dark, the light or the system theme."""
        self.choice = choice
        hints = QGuiApplication.styleHints()
        scheme = {
            ThemeChoice.DARK: Qt.ColorScheme.Dark,
            ThemeChoice.LIGHT: Qt.ColorScheme.Light,
        }.get(choice, Qt.ColorScheme.Unknown)
        # Title bar and file dialogs of the platform follow this hint.
        with garbage_collection.paused():
            hints.setColorScheme(scheme)
        self._update()

    def _update(self, *_: Any) -> None:
        name = self.choice.value
        if self.choice is ThemeChoice.SYSTEM:
            light = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light
            name = "light" if light else "dark"
        if name != self.tokens.name or not self._applied:
            self._apply(load_tokens(name))

    def _apply(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self._colors.clear()
        self._fonts.clear()
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        self._applied = True
        palette = _palette(self)
        chevron = resource_path("theme", f"chevron-{tokens.name}.svg")
        with garbage_collection.paused():
            app.setFont(self.text_font())
            app.setPalette(palette)
            QToolTip.setPalette(palette)
            app.setStyleSheet(style_sheet(tokens.colors, app.font().pixelSize(), chevron))
        self.changed.emit()


def _text_height(font: QFont) -> int:
    height = font.pixelSize()
    if height <= 0:
        height = QFontInfo(font).pixelSize()
    return max(MIN_TEXT_SIZE, min(MAX_TEXT_SIZE, height))


def _palette(theme: Theme) -> QPalette:
    """Return the palette, for widgets that the style sheet does not cover."""
    role = QPalette.ColorRole
    palette = QPalette()
    for target, name in (
        (role.Window, "window"),
        (role.WindowText, "text"),
        (role.Base, "surface"),
        (role.AlternateBase, "raised"),
        (role.Text, "text"),
        (role.Button, "raised"),
        (role.ButtonText, "text"),
        (role.BrightText, "on_accent"),
        (role.ToolTipBase, "raised"),
        (role.ToolTipText, "text"),
        (role.PlaceholderText, "faint"),
        (role.Highlight, "selection"),
        (role.HighlightedText, "text"),
        (role.Link, "accent"),
        (role.LinkVisited, "retry"),
        (role.Accent, "accent"),
        (role.Light, "hover"),
        (role.Midlight, "raised"),
        (role.Mid, "border"),
        (role.Dark, "border_strong"),
        (role.Shadow, "shadow"),
    ):
        palette.setColor(target, theme.color(name))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, theme.color("disabled"))
    return palette


_theme: Theme | None = None


def theme() -> Theme:
    """Return the theme of the application."""
    global _theme  # noqa: PLW0603  one per application
    if _theme is None:
        _theme = Theme()
    return _theme
