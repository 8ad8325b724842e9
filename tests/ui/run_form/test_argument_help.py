"""The run form knows what a task takes when a worker has told it."""

import json

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import Told, frame, make_window

NAME = "app.archive:reindex"
CATALOGUE = {
    NAME: {
        "doc": "Reads an archive again.",
        "is_sync": False,
        "args": {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "where the archive is"},
                "batch": {"type": "integer", "default": 50},
                "languages": {
                    "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                    "default": None,
                },
            },
            "required": ["path"],
            "additionalProperties": False,
        },
    },
    "app.archive:clear": {"doc": "", "is_sync": True, "args": {"properties": {}}},
}


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def told():
    filled = Told().runs(2)
    filled.heartbeat(catalogue=CATALOGUE)
    return filled


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def form(qtbot: QtBot, told, session):
    window = make_window(qtbot, told, (TasksPage,), session)
    frame(window, told)
    window.run_form.open()
    return window.run_form


@pytest.fixture
def parts(form):
    return form.parts


def test_names_types_and_required_marks_are_shown(parts) -> None:
    parts.name.set_name(NAME)
    guide = parts.guide
    assert guide.isVisible()
    assert guide.names == ["path *", "batch", "languages"]
    assert [row[1].text() for row in guide._rows] == [
        "string",
        "integer",
        "array of string or null",
    ]
    assert guide._doc.text() == "Reads an archive again."
    assert not parts.note.isVisible(), "a worker knows it, though nobody has run it"
    parts.name.set_name("app.archive:clear")
    assert guide.names == []
    assert "asked to stop, not ended" in guide._doc.text()
    assert "Takes no arguments." in guide._doc.text()
    parts.name.set_name("app.archive:nothing")
    assert not guide.isVisible()
    assert parts.note.text().startswith("No worker that tells its tasks knows this name")


def test_tasks_that_never_ran_are_offered_too(parts) -> None:
    names = [parts.name.itemText(n) for n in range(parts.name.count())]
    assert names[0].startswith("workers.tasks")
    assert NAME in names


def test_a_template_has_every_argument_in_it(parts, form) -> None:
    parts.name.set_name(NAME)
    assert parts.guide.template.isVisible()
    parts.guide.template.click()
    assert json.loads(parts.kwargs.text) == {"path": "", "batch": 50, "languages": None}
    assert not parts.guide.template.isVisible()
    assert parts.guide.misfits == []
    assert form.hindrance() == ""


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ("", '{"batch": 5}', "Missing: path (string)."),
        ("[1]", "", "Wrong type: path is of type integer, expected string."),
        ('["a"]', '{"path": "b"}', "Given twice, by position and by name: path."),
        ('["a"]', '{"bach": 5}', "Not an argument of this task: bach."),
        ('["a", 1, null, 2]', "", "Too many positional arguments: 4 given, at most 3 accepted."),
        ('["a"]', '{"batch": "5"}', "Wrong type: batch is of type string, expected integer."),
        (
            '["a"]',
            '{"languages": {}}',
            "Wrong type: languages is of type object, expected array of string or null.",
        ),
    ],
)
def test_what_does_not_fit_is_said_while_it_is_typed(parts, args, kwargs, words) -> None:
    parts.name.set_name(NAME)
    parts.args.set_text(args)
    parts.kwargs.set_text(kwargs)
    assert parts.guide.warning.text() == words


def test_nobody_is_warned_of_an_empty_form(parts) -> None:
    parts.name.set_name(NAME)
    assert not parts.guide.warning.isVisible()
    assert parts.guide.misfits == ["missing: path (string)"]


def test_a_mismatch_is_asked_about_and_can_be_overridden(parts, form, session) -> None:
    parts.name.set_name(NAME)
    parts.kwargs.set_text('{"batch": "5"}')
    form.submit()
    form.submit()
    assert session.calls == []
    assert "The arguments do not fit" in parts.refusal.words
    parts.refusal.force_button.click()
    assert session.calls == [(NAME, b"[]", b'{"batch":"5"}', {}, "", False)]
    assert not form.isVisible()


def test_after_that_it_may_still_be_that_nobody_listens(parts, form, session) -> None:
    session.error = UserFacingError("No worker listens", "nobody takes it", can_force=True)
    parts.name.set_name(NAME)
    parts.kwargs.set_text("{}")
    form.submit()
    parts.refusal.force_button.click()
    assert "No worker listens" in parts.refusal.words
    parts.refusal.force_button.click()
    assert [asked[-1] for asked in session.calls] == [False, True]


def test_what_fits_is_sent_without_a_question(parts, form, session) -> None:
    parts.name.set_name(NAME)
    parts.args.set_text('["/data/a.tar", 5]')
    form.submit()
    assert len(session.calls) == 1


def test_what_a_worker_tells_later_is_shown_in_the_open_form(parts, form, told) -> None:
    parts.name.set_name("app.new:task")
    assert not parts.guide.isVisible()
    args = {"properties": {"n": {"type": "number"}}}
    told.heartbeat(at=told.at + 1, catalogue={"app.new:task": {"doc": "New.", "args": args}})
    form._show_listeners()
    assert parts.guide.names == ["n"]
