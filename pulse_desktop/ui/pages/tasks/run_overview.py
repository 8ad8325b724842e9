"""One picture of one run: its attempts, its run time among others, related runs, its subjects."""

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from pulse_desktop.query.quoting import quote
from pulse_desktop.state.message_path import known_messages, message_ids_of
from pulse_desktop.state.related_runs import RelatedRun, Relation, related_runs
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.text.lineage_text import (
    all_related_text,
    more_text,
    pipeline_text,
    related_title,
)
from pulse_desktop.text.translation import _
from pulse_desktop.ui.lineage.message_path_view import MessagePathView
from pulse_desktop.ui.lineage.run_time_history import MAX_SAMPLES, RunTimeHistory
from pulse_desktop.ui.lineage.section_columns import (
    AttemptRow,
    ItemRow,
    attempt_columns,
    item_columns,
    related_columns,
)
from pulse_desktop.ui.lineage.section_table import SectionTable
from pulse_desktop.ui.navigation import FilterPage, FilterRuns, ShowItem, ShowRun
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.widgets.elided_button import ElidedButton

MAX_ITEMS: Final = 50
_GAP: Final = 6
_QUERY_FIELDS: Final = {Relation.CHILD: "parent", Relation.RERUN: "rerun_of"}


class RunOverview(QScrollArea):
    """The overview. It is filled when it is shown, and follows the run while it is visible.

    Attributes:
        attempts: one row per attempt; choosing one shows its worker.
        history: run times of the task.
        related: originals, parents, children and re-runs.
        all_links: show all children or re-runs, where not all are listed.
        items: messages and findings that the run was about.
        path: the stages of the message, if the run was about a single one.

    Signals:
        target_requested: the operator wants to go to a `Target`.
    """

    target_requested = Signal(object)

    def __init__(self, state: SystemState, task_label: Callable[[str], str]) -> None:
        """Create an empty overview.

        Args:
            state: what is known of the system.
            task_label: returns the short name of a task.
        """
        super().__init__()
        self._state = state
        self.attempts = SectionTable(
            attempt_columns(state.workers.names.label),
            _("Attempts"),
            key=lambda row: (row.run.task_id, row.attempt.number),
        )
        self.history = RunTimeHistory()
        self.related = SectionTable(
            related_columns(task_label),
            _("Related runs"),
            key=lambda row: (row.relation, row.task_id),
        )
        self.items = SectionTable(
            item_columns(),
            _("Messages and findings"),
            key=lambda row: (row.finding is None, row.id),
        )
        self.path = MessagePathView(state, task_label)
        self.all_links = {relation: ElidedButton() for relation in _QUERY_FIELDS}
        self._run: TaskRun | None = None
        self._task_label = task_label
        self._notes: dict[str, Label] = {}
        self._titles: dict[str, Label] = {}
        self._lay_out()
        self.attempts.row_chosen.connect(self._show_worker)
        self.related.row_chosen.connect(self._show_related)
        for relation, link in self.all_links.items():
            link.clicked.connect(partial(self._show_all, relation))
        self.items.row_chosen.connect(self._show_item)
        self.path.target_requested.connect(self.target_requested)

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(_GAP)
        for key, title, widget in (
            ("attempts", _("Attempts"), self.attempts),
            ("history", _("Run times of this task"), self.history),
            ("related", _("Related runs"), self.related),
            ("items", _("Messages and findings"), self.items),
            ("path", _("Stages of the message"), self.path),
        ):
            heading = self._titles[key] = Label(title)
            heading.setProperty("role", "heading")
            note = self._notes[key] = Label()
            note.setProperty("role", "muted")
            note.setWordWrap(True)
            note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(heading)
            column.addWidget(widget)
            column.addWidget(note)
            if key == "related":
                for link in self.all_links.values():
                    link.setProperty("kind", "link")
                    link.hide()
                    column.addWidget(link)
            column.addSpacing(_GAP)
        column.addStretch(1)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(_("Overview of the run"))

    def note(self, section: str) -> str:
        """Return the note below a section: "attempts", "history", "related", "items", "path"."""
        label = self._notes[section]
        return "" if label.isHidden() else label.text()

    def show_run(self, run: TaskRun, now: float) -> None:
        """Show a run at a time, Unix seconds."""
        self.attempts.set_rows([AttemptRow(run, each) for each in run.attempts], now)
        self.attempts.setVisible(bool(run.attempts))
        self._set_note(
            "attempts", "" if run.attempts else _("No worker has reported an attempt of this run.")
        )
        self._show_history(run)
        related = related_runs(self._state.runs, run)
        self.related.set_rows(related.rows, now)
        self.related.setVisible(bool(related.rows))
        texts = (pipeline_text(related.pipeline), more_text(related))
        note = " · ".join(filter(None, texts))
        nothing = _("Nothing enqueued this run, and it enqueued nothing, as far as labels tell.")
        self._set_note("related", note if related.rows else nothing)
        self._run = run
        for relation, link in self.all_links.items():
            count = self._count(relation)
            link.show_text(all_related_text(relation, count))
            link.setVisible(bool(related.more.get(relation)) and count > 0)
        self._show_items(run, now)

    def refresh(self, now: float) -> None:
        """Update what changes with time alone."""
        if self.path.isVisibleTo(self):
            self.path.refresh(now)

    def _show_history(self, run: TaskRun) -> None:
        durations = self._state.runs.durations.get(run.name)
        samples = list(durations.samples)[-MAX_SAMPLES:] if durations is not None else []
        at, seconds = run.finished_at, run.run_s
        own = (at, seconds) if at is not None and seconds is not None else None
        others = [each for each in samples if each != own]
        self.history.set_samples(others, own)
        self._set_note("history", self.history.text)
        self.history.setVisible(bool(others))

    def _show_items(self, run: TaskRun, now: float) -> None:
        state = self._state
        ids = [*message_ids_of(run), *state.message_runs.messages_of(run.task_id)]
        messages = known_messages(ids, state.messages.get)
        findings = [item for item in state.knowledge.rows if item.task_id == run.task_id]
        rows = [ItemRow(each, row) for each, row in messages[:MAX_ITEMS]]
        rows += [ItemRow(item.item_id, None, item) for item in findings[:MAX_ITEMS]]
        left_out = len(messages) + len(findings) - len(rows)
        self.items.set_rows(rows, now)
        self.items.setVisible(bool(rows))
        self._titles["items"].setVisible(bool(rows))
        more = _("{count} more not listed").format(count=left_out) if left_out else ""
        self._set_note("items", more)
        single = messages[0] if len(messages) == 1 else None
        for part in (self._titles["path"], self.path):
            part.setVisible(single is not None)
        self._set_note("path", "")
        if single is not None:
            message_id, row = single
            self.path.show_message(message_id, row, now)

    def _set_note(self, section: str, text: str) -> None:
        label = self._notes[section]
        label.setText(text)
        label.setVisible(bool(text))

    def _show_worker(self, row: AttemptRow) -> None:
        if row.attempt.worker:
            self.target_requested.emit(ShowItem("monitoring", row.attempt.worker))

    def _show_related(self, row: RelatedRun) -> None:
        if row.run is not None:
            self.target_requested.emit(ShowRun(row.task_id))

    def _count(self, relation: Relation) -> int:
        """Return how many children, or re-runs, the run has."""
        if self._run is None:
            return 0
        lineage = self._state.runs.lineage
        found = lineage.children if relation is Relation.CHILD else lineage.reruns
        return len(found(self._run.task_id))

    def _show_all(self, relation: Relation) -> None:
        """Show all children, or all re-runs, in the table of runs."""
        run = self._run
        if run is None:
            return
        why = related_title(relation, self._count(relation), self._task_label(run.name))
        query = f"{_QUERY_FIELDS[relation]}={quote(run.task_id)}"
        self.target_requested.emit(FilterRuns(query=query, why=why, everything=True))

    def _show_item(self, row: ItemRow) -> None:
        if row.finding is not None:
            self.target_requested.emit(FilterPage("knowledge", row.id))
        else:
            self.target_requested.emit(ShowItem("messages", row.id))
