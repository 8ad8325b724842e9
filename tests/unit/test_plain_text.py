"""No module of the window lets Qt interpret text: only `ui/theme/plain_text.py` may choose how."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[2] / "pulse_desktop"
PLAIN_TEXT: Final = PACKAGE / "ui" / "theme" / "plain_text.py"
MODULES: Final = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path != PLAIN_TEXT and ("PySide6" in path.read_text() or PACKAGE / "ui" in path.parents)
)

CLASSES: Final = """
    QLabel QToolTip QWhatsThis QMessageBox QErrorMessage QProgressDialog QInputDialog QSplashScreen
    QSystemTrayIcon QStatusBar QWizard QWizardPage QTextBrowser QGraphicsTextItem
    QTextDocumentFragment TextItem LabelItem
"""
"""They take a text for HTML when it resembles it."""
METHODS: Final = """
    setToolTip setStatusTip setWhatsThis setTabToolTip setTabWhatsThis setItemToolTip setTextFormat
    setHtml insertHtml appendHtml setMarkdown setOpenExternalLinks addLegend
"""
FORBIDDEN: Final = frozenset([*CLASSES.split(), *METHODS.split()])
CONSTRUCTED: Final = frozenset({"QTextEdit", "QStaticText"})
"""Their other attributes are harmless."""
ROLES: Final = frozenset({"ToolTipRole", "StatusTipRole", "WhatsThisRole"})


def violations(source: str) -> Iterator[str]:
    """Yield what a module does that lets Qt interpret a text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith(
                ("PySide6", "pyqtgraph")
            ):
                for name in names:
                    if name.name in FORBIDDEN:
                        yield f"line {node.lineno}: {name.name}"
            case ast.Attribute(attr=attr) if attr in FORBIDDEN:
                yield f"line {node.lineno}: {attr}"
            case ast.Call(func=ast.Name(id=name)) if name in CONSTRUCTED:
                yield f"line {node.lineno}: {name}()"
            case ast.ClassDef(bases=bases):
                for base in bases:
                    if isinstance(base, ast.Name) and base.id in CONSTRUCTED:
                        yield f"line {node.lineno}: {base.id}"
            case ast.Call(func=ast.Attribute(attr="addRow"), args=[ast.Constant(), *_]):
                yield f"line {node.lineno}: addRow() makes a label"


def test_labels_and_tooltips_are_made_for_plain_text_only() -> None:
    assert len(MODULES) > 100
    found = [
        f"{path.relative_to(PACKAGE)}, {each}"
        for path in MODULES
        for each in violations(path.read_text())
    ]
    allowed = [each for each in found if each.startswith("ui/theme/theme.py")]
    assert {each.rpartition(" ")[2] for each in allowed} <= {"QToolTip"}, "it sets their palette"
    assert found == allowed, "use pulse_desktop.ui.theme.plain_text instead"


def test_models_with_tooltips_use_the_markup_of_plain_text() -> None:
    models = [path for path in MODULES if any(role in path.read_text() for role in ROLES)]
    assert sorted(path.name for path in models) == [
        "import_preview.py",
        "model.py",
        "suggestions.py",
        "task_times.py",
        "tree_model.py",
    ]
    for path in models:
        assert "tooltip_markup(" in path.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "from PySide6.QtWidgets import QLabel",
        "from PySide6.QtWidgets import QMessageBox as Box",
        "QtWidgets.QLabel('x')",
        "button.setToolTip(name)",
        "item.setWhatsThis(name)",
        "label.setTextFormat(Qt.TextFormat.RichText)",
        "layout = QStaticText(name)",
        "class Log(QTextEdit): ...",
        "form.addRow('Name', field)",
    ],
)
def test_the_check_finds(line: str) -> None:
    assert list(violations(line))


def test_the_clipboard_is_written_in_one_place() -> None:
    users = {
        str(path.relative_to(PACKAGE)): node.attr
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("clipboard", "setMimeData")
    }
    assert users == {"ui/clipboard.py": "clipboard", "ui/shell/copy_notice.py": "clipboard"}
    notice = (PACKAGE / "ui" / "shell" / "copy_notice.py").read_text()
    assert "clipboard().setText" not in notice, "it only reads what was copied"


def test_titles_are_made_in_one_place() -> None:
    users = [path.name for path in MODULES if "setWindowTitle(" in path.read_text()]
    assert users == ["window_title.py"], "others use set_title, which names the connection"
    for path in MODULES:
        if path.name != "window_title.py" and re.search(r"\bQFileDialog\(", path.read_text()):
            assert "set_title(" in path.read_text(), f"{path.name}: a file dialog has a title"


def test_text_fields_are_filled_with_printable_text() -> None:
    users = [
        path.name
        for path in MODULES
        if "setPlainText(" in path.read_text() or "appendPlainText(" in path.read_text()
    ]
    assert users == ["json_field.py", "log_window.py"], "others use set_plain_text"
    for path in MODULES:
        if path.name in users:
            assert "PlainText(printable" in path.read_text()
