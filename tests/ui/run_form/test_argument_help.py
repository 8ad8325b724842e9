"""The run form shows and validates the arguments that a worker announces."""

import json

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.ui.run_form.form import RunForm
from pulse_desktop.ui.run_form.form_ui import RunFormUi
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import BlankPage, draw_frame, make_window

NAME = "app.archive:reindex"
CATALOGUE = {
    NAME: {
        "doc": "Reads an archive again.",
        "is_sync": False,
        "args": {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "where the archive is"},
                "batch": {"type": "integer", "default": 50, "description": "0 for all"},
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
def builder() -> StateBuilder:
    filled = StateBuilder().runs(2)
    filled.heartbeat(catalogue=CATALOGUE)
    return filled


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def form(qtbot: QtBot, builder: StateBuilder, session: FakeSession) -> RunForm:
    window = make_window(qtbot, builder, (BlankPage,), session)
    draw_frame(window, builder)
    window.run_form.open()
    return window.run_form


@pytest.fixture
def ui(form: RunForm) -> RunFormUi:
    return form.ui


def test_names_types_and_required_marks_are_shown(ui: RunFormUi) -> None:
    ui.task_name.set_name(NAME)
    help_ = ui.argument_help
    assert help_.isVisible()
    assert help_.names == ["path *", "batch", "languages"]
    assert help_.types == [
        "string",
        "integer",
        "array of string or null",
    ]
    assert help_.notes == [
        "required · where the archive is",
        "default 50 · 0 for all",
        "default null",
    ]
    assert help_.description == "Reads an archive again."
    assert not ui.name_warning.isVisible(), "a worker announces it, though it never ran"
    ui.task_name.set_name("app.archive:clear")
    assert help_.names == []
    assert "asked to stop, not killed" in help_.description
    assert "Accepts no arguments." in help_.description
    ui.task_name.set_name("app.archive:nothing")
    assert not help_.isVisible()
    assert ui.name_warning.text().startswith("No worker announces a task of this name")


def test_announced_tasks_that_never_ran_are_listed(ui: RunFormUi) -> None:
    names = [ui.task_name.itemText(n) for n in range(ui.task_name.count())]
    assert names[0] == "score_message_task"
    assert NAME in names


def test_a_template_has_every_argument(ui: RunFormUi, form: RunForm) -> None:
    ui.task_name.set_name(NAME)
    assert ui.argument_help.template.isVisible()
    ui.argument_help.template.click()
    assert json.loads(ui.kwargs.text) == {"path": "", "batch": 50, "languages": None}
    assert not ui.argument_help.template.isVisible()
    assert ui.argument_help.errors == []
    assert form.obstacle() == ""


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
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
def test_errors_are_shown_while_typing(ui: RunFormUi, args: str, kwargs: str, text: str) -> None:
    ui.task_name.set_name(NAME)
    ui.args.set_text(args)
    ui.kwargs.set_text(kwargs)
    assert ui.argument_help.warning.text() == text


def test_an_empty_form_gets_no_warning(ui: RunFormUi) -> None:
    ui.task_name.set_name(NAME)
    assert not ui.argument_help.warning.isVisible()
    assert ui.argument_help.errors == ["missing: path (string)"]


def test_invalid_arguments_need_a_confirmation(
    ui: RunFormUi, form: RunForm, session: FakeSession
) -> None:
    ui.task_name.set_name(NAME)
    ui.kwargs.set_text('{"batch": "5"}')
    form.submit()
    form.submit()
    assert session.calls == []
    assert "The arguments do not match the task" in ui.error_card.text
    ui.error_card.force_button.click()
    assert session.calls == [(NAME, b"[]", b'{"batch":"5"}', {}, "", False)]
    assert not form.isVisible()


def test_a_confirmation_does_not_override_another_error(
    ui: RunFormUi, form: RunForm, session: FakeSession
) -> None:
    session.error = UserFacingError(
        "No worker listens", "The queue has no consumer.", can_force=True
    )
    ui.task_name.set_name(NAME)
    ui.kwargs.set_text("{}")
    form.submit()
    ui.error_card.force_button.click()
    assert "No worker listens" in ui.error_card.text
    ui.error_card.force_button.click()
    assert [asked[-1] for asked in session.calls] == [False, True]


def test_valid_arguments_need_no_confirmation(
    ui: RunFormUi, form: RunForm, session: FakeSession
) -> None:
    ui.task_name.set_name(NAME)
    ui.args.set_text('["/data/a.tar", 5]')
    form.submit()
    assert len(session.calls) == 1


def test_a_schema_announced_later_is_shown_in_the_open_form(
    ui: RunFormUi, form: RunForm, builder: StateBuilder
) -> None:
    ui.task_name.set_name("app.new:task")
    assert not ui.argument_help.isVisible()
    args = {"properties": {"n": {"type": "number"}}}
    builder.heartbeat(at=builder.at + 1, catalogue={"app.new:task": {"doc": "New.", "args": args}})
    form.refresh()
    assert ui.argument_help.names == ["n"]


def test_the_examples_in_empty_fields_are_those_of_the_task(ui: RunFormUi) -> None:
    def examples() -> tuple[str, str]:
        return ui.args.editor.placeholderText(), ui.kwargs.editor.placeholderText()

    ui.task_name.set_name("app.unknown:task")
    unknown = examples()
    assert unknown == ('For example ["text", 50]', 'For example {"name": "value"}')
    ui.task_name.set_name(NAME)
    assert examples() == ('For example [""]', 'For example {"path": ""}')
    ui.task_name.set_name("app.archive:clear")
    assert examples() == ("", "")
    ui.task_name.set_name("app.unknown:task")
    assert examples() == unknown


def test_another_draft_shows_none_of_the_warnings_of_the_one_before(
    builder: StateBuilder, form: RunForm, ui: RunFormUi
) -> None:
    ui.task_name.set_name(NAME)
    ui.kwargs.set_text('{"message_id": ')
    form.open(next(iter(builder.state.runs.rows)))
    ui.task_name.set_name(NAME)
    ui.kwargs.set_text('{"bach": 5}')
    assert ui.argument_help.warning.isVisible()
    form.open()
    assert ui.kwargs.text == '{"message_id": '
    assert not ui.argument_help.warning.isVisible()
    assert ui.argument_help.errors == []
