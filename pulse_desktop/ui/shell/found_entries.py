"""Entries of the palette for what the state knows: runs, tasks, workers, messages and others."""

from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.query.matcher import compile_query
from pulse_desktop.query.parser import parse
from pulse_desktop.query.quoting import quote
from pulse_desktop.state.state_search import Found, FoundKind, find
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.text.group_text import group_title
from pulse_desktop.text.run_text import arguments_text, state_label
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.text.worker_text import HEALTH_LABELS
from pulse_desktop.ui.navigation import FilterRuns, ShowGroups, ShowItem, ShowRun, Target
from pulse_desktop.ui.page.actions import Action
from pulse_desktop.ui.shell.palette_search import Entry

PER_KIND: Final = 5
_MAX_TITLE: Final = 80
_LABELS: Final = {
    FoundKind.RUN: (_("Run"), "tasks"),
    FoundKind.TASK: (_("Task"), "play"),
    FoundKind.WORKER: (_("Worker"), "monitoring"),
    FoundKind.GROUP: (_("Failure group"), "cross"),
    FoundKind.RESULT: (_("Result"), "results"),
    FoundKind.MESSAGE: (_("Message"), "messages"),
}
_QUERY: Final = _("Show runs that match “{query}”")


class FoundEntries:
    """Makes the entries of what is found in a state."""

    def __init__(
        self, state: SystemState, navigate: Callable[[Target], object], now: Callable[[], float]
    ) -> None:
        """Create it.

        Args:
            state: what is searched.
            navigate: shows what an entry stands for.
            now: returns Unix seconds.
        """
        self._state = state
        self._navigate = navigate
        self._now = now

    def find(self, text: str) -> Sequence[Entry]:
        """Return the entries for what is typed, and one that filters the runs by it."""
        entries = [self._entry(found) for found in find(self._state, text, PER_KIND)]
        if text.strip() and self._is_query(text):
            title = _QUERY.format(query=formats.elided(text.strip(), _MAX_TITLE))
            entries.append(self._made("query", "", title, "", FilterRuns(query=text.strip())))
        return entries

    def _is_query(self, text: str) -> bool:
        try:
            query = parse(text)
            compile_query(query, run_fields(), self._now())
        except ValueError:
            return False
        return query.root is not None

    def _entry(self, found: Found) -> Entry:
        title, note, target = self._described(found)
        group, icon = _LABELS[found.kind]
        title = formats.elided(title, _MAX_TITLE)
        return self._made(f"{found.kind}.{found.id}", group, title, note, target, icon)

    def _made(
        self, id_: str, group: str, title: str, note: str, target: Target, icon: str = "filter"
    ) -> Entry:
        action = Action(f"found.{id_}", title, group=group, icon=icon, note=note)
        return Entry(action, lambda: self._navigate(target))

    def _described(self, found: Found) -> tuple[str, str, Target]:
        """Return title and note of what was found, and where it is shown."""
        state, id_ = self._state, found.id
        label = state.runs.names.label
        match found.kind:
            case FoundKind.RUN:
                run = state.runs.get(id_)
                if run is None:
                    return id_, "", ShowRun(id_)
                schema = state.workers.task_schemas.get(run.name)
                call = f"{label(run.name)}({formats.elided(arguments_text(run, schema), 40)})"
                return call, f"{state_label(run)} · {id_[:12]}", ShowRun(id_)
            case FoundKind.TASK:
                return label(id_), "", FilterRuns(query=f"task={quote(id_)}")
            case FoundKind.WORKER:
                worker = state.workers.get(id_)
                health = HEALTH_LABELS[worker.health(self._now())][0] if worker else ""
                return state.workers.names.label(id_), health, ShowItem("monitoring", id_)
            case FoundKind.GROUP:
                group = state.runs.failure_groups.get(id_)
                if group is None:
                    return id_, "", FilterRuns(query=f"group:{id_}")
                count = ngettext("{count} failure", "{count} failures", group.count)
                count = count.format(count=formats.count(group.count))
                title = group_title(group)
                if not title.startswith(group.cause):
                    title = f"{group.cause}: {title}"
                return title, count, ShowGroups(id_)
            case FoundKind.RESULT:
                result = state.results.get(id_)
                name = label(result.task_name) if result and result.task_name else ""
                return id_, name, ShowItem("results", id_)
            case FoundKind.MESSAGE:
                message = state.messages.get(id_)
                if message is None:
                    return id_, "", ShowItem("messages", id_)
                return message.content or message.key, message.author, ShowItem("messages", id_)
