"""Icons and the style sheet are files that are filled with the colors of the theme."""

import re

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from pulse_desktop.resources import resource_path
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import style_sheet
from pulse_desktop.ui.theme.theme import load_tokens, theme


def test_every_glyph_has_an_icon(qapp: QApplication) -> None:
    for glyph in icons.GLYPHS:
        assert not icons.pixmap(glyph, SemanticColor.TEXT).isNull()


def test_icons_are_drawn_in_the_requested_color(qapp: QApplication) -> None:
    image = icons.pixmap("dot", SemanticColor.BAD, 16, 2.0).toImage()
    assert image.width() == 32
    assert image.pixelColor(16, 16) == QColor(theme().color(SemanticColor.BAD))
    assert image.pixelColor(0, 0).alpha() == 0


def test_an_unknown_icon_is_an_error(qapp: QApplication) -> None:
    with pytest.raises(KeyError, match="no-such-icon"):
        icons.pixmap("no-such-icon", SemanticColor.TEXT)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_style_sheet_is_filled_from_the_tokens(name: str) -> None:
    tokens = load_tokens(name)
    chevron = resource_path("theme", f"chevron-{name}.svg")
    sheet = style_sheet(tokens.colors, 13, chevron)
    assert "$" not in sheet
    assert chevron.is_file()
    assert chevron.as_posix() in sheet
    used = set(re.findall(r"#[0-9a-f]{6}", sheet))
    assert used <= set(tokens.colors.values())
