"""The window and the command line speak the language of the environment."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo

import pulse_desktop
from pulse_desktop.resources import resource_path
from pulse_desktop.text.translation import DOMAIN

PACKAGE: Final = Path(pulse_desktop.__path__[0])
FOLDERS: Final = ("cli", "protocol", "text", "ui/pages/tasks")
"""Of the program, those with the texts that the tests look for."""
LANGUAGE: Final = "uk"
FORMS: Final = ("one", "few", "many")
"""Ukrainian has three plural forms: 1, 2 to 4, 5 and more."""

RUN_TEXT: Final = """
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.soft_failure import REPORTED_CANCELLED
from pulse_desktop.state.run import StoredOutcome, TaskRun
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.text.run_text import STATE_LABELS, reason_text
stored = StoredOutcome(1.0, 1, 10, "cancelled", REPORTED_CANCELLED, format="json")
print(STATE_LABELS[RunState.RUNNING][0])
print(reason_text(derive_state(TaskRun("a", stored_outcome=stored))))
"""
PLURALS: Final = """
from pulse_desktop.state.knowledge import ExtractionCounts
from pulse_desktop.text.knowledge_text import extraction_summary
for count in (1, 2, 5, 21):
    print(extraction_summary(ExtractionCounts(count)))
"""
JSON: Final = """
import json
from pulse_desktop.model.outcomes import CancelOutcome, CancelStatus
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.serialize import run_to_dict
from pulse_desktop.text.outcome_text import cancel_label
from pulse_desktop.text.translation import use_english
use_english()
print(cancel_label(CancelOutcome("a", CancelStatus.REMOVED)))
print(run_to_dict(TaskRun("a"))["state"])
"""
WINDOW: Final = """
from PySide6.QtWidgets import QApplication
application = QApplication([])
from pulse_desktop.state.run import TaskRun
from pulse_desktop.ui.pages.tasks.progress_row import ProgressRow
row = ProgressRow()
row.show_run(TaskRun("a"), 0.0)
print(row.label.text())
"""


def translated(text: str, form: str = "") -> str:
    """Return the translation of a text in the test's catalog."""
    return f"«{text}»{form}"


def catalog() -> Catalog:
    """Return a catalog with a translation of every text that the tests look for."""
    made = Catalog(LANGUAGE, domain=DOMAIN)
    for folder in FOLDERS:
        extracted = extract_from_dir(PACKAGE / folder, method_map=[("**.py", "python")])
        for _file, _line, message, _comments, context in extracted:
            if isinstance(message, str):
                made.add(message, translated(message), context=context)
            else:
                forms = tuple(translated(message[1], form) for form in FORMS)
                made.add(message[:2], forms, context=context)
    return made


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the program as it is installed, with a catalog among its resources."""
    folder = tmp_path_factory.mktemp("installation")
    package = folder / PACKAGE.name
    resources = package / "_resources"
    messages = resources / "locale" / LANGUAGE / "LC_MESSAGES"
    messages.mkdir(parents=True)
    link_all(PACKAGE.iterdir(), package)
    link_all(resource_path().iterdir(), resources)
    with (messages / f"{DOMAIN}.mo").open("wb") as file:
        write_mo(file, catalog())
    return folder


def link_all(paths: Iterable[Path], folder: Path) -> None:
    """Link files and folders into a folder, except those that it has."""
    for path in paths:
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)


def output(installation: Path, *arguments: str, language: str = LANGUAGE) -> list[str]:
    """Run Python on the installed program in a language, and return the lines it prints."""
    environment = {**os.environ, "LANGUAGE": language}
    environment |= {"QT_QPA_PLATFORM": "offscreen", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=installation,  # first on the path
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_text_of_a_run_is_translated(installation: Path) -> None:
    assert output(installation, "-c", RUN_TEXT) == [
        translated("running"),
        translated("the task reports that it was cancelled"),
    ]


def test_counts_have_the_plural_forms_of_the_language(installation: Path) -> None:
    forms = {1: "one", 2: "few", 5: "many", 21: "one"}
    expected = [translated(f"{count} messages", form) for count, form in forms.items()]
    assert output(installation, "-c", PLURALS) == expected


def test_the_command_line_is_translated(installation: Path) -> None:
    text = "\n".join(output(installation, "-m", "pulse_desktop", "--help"))
    assert translated("commands") in text
    assert text.count("«") > 15


def test_the_window_is_translated(installation: Path) -> None:
    assert output(installation, "-c", WINDOW)[0] == translated("Waiting for a worker")


def test_json_is_never_translated(installation: Path) -> None:
    assert output(installation, "-c", JSON) == [
        "removed from the queue before it started",
        "queued",
    ]


def test_a_language_without_a_catalog_shows_english(installation: Path) -> None:
    assert output(installation, "-c", RUN_TEXT, language="tlh")[0] == "running"
