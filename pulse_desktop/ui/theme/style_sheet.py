"""The style sheet, written from the tokens of a theme.

Kept apart from the theme because it is one long text. Widgets are addressed by a dynamic property
(`kind`, `role`, `card`) rather than by their class, so that a page never writes colours.
"""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

_SHEET: Final = Template("""
QMainWindow, QDialog { background: $window; }
QWidget#page, QStackedWidget#pages { background: $window; }
QToolTip { background: $raised; color: $text; border: 1px solid $border_strong; padding: 4px 6px; }

QLabel { background: transparent; color: $text; }
QLabel[role="title"] { font-weight: 600; }
QLabel[role="heading"] { font-weight: 600; font-size: ${px_heading}px; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="faint"] { color: $faint; font-size: ${px_small}px; }
QLabel[role="small"] { color: $muted; font-size: ${px_small}px; }
QLabel[role="state"] { font-size: ${px_heading}px; }
QLabel[role="value"] { font-weight: 600; font-size: ${px_value}px; }
QLabel[color="muted"] { color: $muted; }
QLabel[color="good"] { color: $good; }
QLabel[color="warning"] { color: $warning; }
QLabel[color="bad"] { color: $bad; }
QLabel[color="info"] { color: $info; }
QLabel[color="retry"] { color: $retry; }
QLabel[color="accent"] { color: $accent; }
QLabel[badge="bad"], QLabel[badge="warning"], QLabel[badge="good"], QLabel[badge="plain"] {
  border-radius: 4px; padding: 2px 8px; font-weight: 600; font-size: ${px_small}px; }
QLabel[badge="bad"] { background: $bad_fill; color: $bad; }
QLabel[badge="warning"] { background: $warning_fill; color: $warning; }
QLabel[badge="good"] { background: $good_fill; color: $good; }
QLabel[badge="plain"] { background: $raised; color: $muted; }

QFrame[card="true"] { background: $surface; border: 1px solid $border; border-radius: 8px; }
QFrame[card="band"] { background: $band; border: none; border-top-left-radius: 7px;
  border-top-right-radius: 7px; border-bottom: 1px solid $border; }
QFrame[card="notice"] { background: $raised; border: 1px solid $border_strong;
  border-radius: 8px; }
QFrame[line="true"] { background: $border; border: none; max-height: 1px; min-height: 1px; }

QPushButton, QToolButton { background: $raised; color: $text; border: 1px solid $border;
  border-radius: 6px; padding: 0px 11px; min-height: 28px; }
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed { background: $pressed; }
QPushButton:focus, QToolButton:focus { border-color: $accent; }
QPushButton:disabled, QToolButton:disabled { color: $disabled; background: $surface; }
QPushButton:checked, QToolButton:checked { background: $selection; border-color: $accent; }
QPushButton[kind="primary"] { background: $accent_fill; color: $on_accent;
  border-color: $accent_fill; font-weight: 600; }
QPushButton[kind="primary"]:hover { background: $accent_fill_hover; }
QPushButton[kind="primary"]:pressed { background: $accent_fill_pressed; }
QPushButton[kind="primary"]:focus { border-color: $on_accent; }
QPushButton[kind="primary"]:disabled { background: $raised; color: $disabled;
  border-color: $border; }
QPushButton[kind="danger"] { color: $bad; border-color: $bad_fill; }
QPushButton[kind="danger"]:hover { background: $bad_fill; }
QPushButton[kind="danger"]:focus { border-color: $bad; }
QPushButton[kind="ghost"], QToolButton[kind="ghost"] { background: transparent;
  border-color: transparent; color: $muted; padding: 0px 6px; }
QPushButton[kind="ghost"]:hover, QToolButton[kind="ghost"]:hover { background: $hover;
  color: $text; }
QPushButton[kind="ghost"]:focus, QToolButton[kind="ghost"]:focus { border-color: $accent; }
QPushButton[kind="pill"] { background: $accent_fill; color: $on_accent; border: none;
  border-radius: 13px; min-height: 26px; padding: 0px 14px; font-weight: 600; }
QPushButton[kind="pill"]:hover { background: $accent_fill_hover; }
QPushButton::menu-indicator, QToolButton::menu-indicator { image: none; width: 0px; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {
  background: $raised; color: $text; border: 1px solid $border; border-radius: 6px;
  selection-background-color: $accent_fill; selection-color: $on_accent; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: 28px; padding: 0px 9px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus,
QComboBox:focus { border-color: $accent; }
QLineEdit[kind="bare"], QLineEdit[kind="bare"]:focus { background: transparent; border: none;
  padding: 0px; }
QLineEdit[problem="true"] { border-color: $bad; }
QPlainTextEdit[kind="plain"], QTextEdit[kind="plain"], QPlainTextEdit[kind="plain"]:focus,
QTextEdit[kind="plain"]:focus { background: transparent; border: none; }
QLineEdit QToolButton, QLineEdit QToolButton:hover { background: transparent; border: none;
  min-height: 0px; padding: 0px; }
QLineEdit QToolButton, QLineEdit QToolButton:hover { background: transparent; border: none;
  min-height: 0px; padding: 0px; }
QPlainTextEdit[color="muted"] { color: $muted; }
QComboBox QLineEdit, QComboBox QLineEdit:focus { background: transparent; border: none;
  min-height: 0px; padding: 0px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url("$chevron"); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $border_strong;
  selection-background-color: $selection; selection-color: $text; outline: none; }
QCheckBox, QRadioButton { color: $text; spacing: 7px; background: transparent; }

QMenu { background: $raised; color: $text; border: 1px solid $border_strong; padding: 5px; }
QMenu::item { padding: 6px 26px 6px 12px; border-radius: 4px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $border; margin: 5px 8px; }
QMenu::indicator { width: 13px; height: 13px; left: 6px; }
QMenu::icon { left: 8px; }

QTabBar { background: transparent; border: none; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: $muted; border: none; padding: 7px 1px 8px 1px;
  margin-right: 16px; border-bottom: 2px solid transparent; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:focus { color: $accent; }
QTabBar::tab:disabled { color: $disabled; }
QTabWidget::pane { border: none; border-top: 1px solid $border; }

QAbstractScrollArea { border: none; background: transparent; }
QScrollArea > QWidget > QWidget { background: transparent; }
QTreeView, QListView, QTableView { background: transparent; color: $text; border: none;
  outline: none; selection-background-color: $selection; selection-color: $text;
  alternate-background-color: $raised; }
QTreeView::item { min-height: 22px; }
QTreeView::item:selected, QListView::item:selected { background: $selection; color: $text; }
QTreeView::item:hover:!selected { background: $row_hover; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: transparent; color: $muted; border: none;
  border-bottom: 1px solid $border; padding: 6px 8px; }
QTableCornerButton::section { background: transparent; border: none; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 0px; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0px; }
QScrollBar::handle { background: $scroll; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $scroll_hover; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0px; height: 0px; border: none; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; border: none; }

QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $border_strong; }
QProgressBar { background: $raised; border: none; border-radius: 3px; max-height: 6px;
  text-align: center; color: transparent; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }

QWidget#rail { background: $rail; border: none; border-right: 1px solid $border; }
QWidget#topBar { background: $bar; border: none; border-bottom: 1px solid $border; }
QWidget#statusBar { background: $bar; border: none; border-top: 1px solid $border; }
QWidget#statusBar QLabel { color: $muted; font-size: ${px_small}px; }
QWidget#statusBar QLabel[color="warning"] { color: $warning; }
QWidget#statusBar QLabel[color="bad"] { color: $bad; }
QWidget#statusBar QLabel[color="good"] { color: $good; }
QFrame#runForm { background: $surface; border: none; border-left: 1px solid $border_strong; }
QFrame#runForm QPlainTextEdit { background: $sunken; border: 1px solid $border; padding: 2px 4px; }
QFrame#runForm QPlainTextEdit:focus { border-color: $accent; }
QFrame#runForm QPlainTextEdit[problem="true"] { border-color: $bad; }
QListView#completions { background: $raised; border: 1px solid $border_strong; padding: 4px; }
QListView#completions::item { padding: 4px 6px; }
QFrame[card="warning"] { background: $warning_fill; border: 1px solid $border;
  border-radius: 8px; }
QFrame#palette { background: $raised; border: 1px solid $border_strong; border-radius: 10px; }
QFrame#palette QLineEdit { background: transparent; border: none; border-bottom: 1px solid $border;
  border-radius: 0px; min-height: 40px; font-size: ${px_heading}px; padding: 0px 14px; }
""")


def style_sheet(colors: Mapping[str, str], text_height: int, chevron: Path) -> str:
    """Return the style sheet for a theme.

    Args:
        colors: the tokens, as `#rrggbb`.
        chevron: picture of the arrow of a drop-down; a style sheet takes pictures from files alone.
        text_height: of ordinary text, in device-independent pixels.
    """
    return _SHEET.substitute(
        colors,
        chevron=chevron.as_posix(),
        px_small=text_height - 1,
        px_heading=text_height + 1,
        px_value=text_height + 9,
    )
