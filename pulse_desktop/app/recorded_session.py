"""The session of a window that shows a recording: a state of the past, and nothing to act on."""

from dataclasses import replace
from typing import NoReturn

from pulse_desktop.model.connection_status import ConnectionStatus, HistoryProgress
from pulse_desktop.model.errors import NotFoundError, RecordingShownError
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.session.compared_runs import find_last_good_run, read_return_value
from pulse_desktop.session.recording.playback import Playback
from pulse_desktop.session.recording.recording_check import find_damage
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import ReturnValue
from pulse_desktop.text.recording_text import damage_texts
from pulse_desktop.text.translation import _
from pulse_desktop.ui.serverless_session import ServerlessSession


class RecordedSession(ServerlessSession):
    """Implements `SessionBackend` on a recording; every operation is refused.

    Attributes:
        label: how the window calls it.
        profile: what the recording says of its connection: kind of system, read-only.
    """

    is_settled = True
    has_outcomes = True
    has_states = True
    has_recent = True

    def __init__(self, reader: RecordingReader) -> None:
        """Create it; `drain` folds the recording.

        Args:
            reader: an open recording; the caller closes it.
        """
        header = reader.header
        playback = Playback(reader)
        status = ConnectionStatus(
            "connected",
            header.server,
            header.started_at,
            recording=header.connection or header.server or reader.path.name,
        )
        super().__init__(playback.state, status, read_only=True)
        self._reader = reader
        self._playback = playback
        self.label = reader.path.name
        self.profile = Profile(environment=_environment(header.environment), read_only=True)

    @property
    def data_time(self) -> float | None:
        """The time of the newest message while the recording is read; then its end is now."""
        return None if self._playback.is_complete else self._playback.last_at

    @property
    def history(self) -> HistoryProgress | None:
        """How much of the recording was read, None when all was; the total is estimated."""
        if self._playback.is_complete:
            return None
        read = self._playback.messages
        total = read / self._reader.progress if self._reader.progress else 0.0
        return HistoryProgress(read, max(read, int(float(f"{total:.2g}"))) if read else 0)

    @property
    def received(self) -> int:
        """Messages folded so far."""
        return self._playback.messages

    @property
    def limitations(self) -> list[str]:
        """What the recording lacks."""
        found = damage_texts(find_damage(self._reader)) if self._playback.is_complete else []
        end = self._reader.end
        if end is not None:
            text = _("missing: {missing}")
            found.extend(text.format(missing=each.rstrip(".")) for each in end.missing)
        if end is not None and end.dropped:
            found.append(_("{count} messages were not recorded").format(count=end.dropped))
        if masked := self._reader.header.masked:
            found.append(_("left out: {names}").format(names=", ".join(masked)))
        if lost := self._playback.results.lost:
            text = _("{count} results cannot be shown: no room in the folder for temporary files")
            found.append(text.format(count=lost))
        return found

    def now(self) -> float:
        """Return the end of the recording: ages count from it."""
        return self._playback.last_at

    def drain(self, budget_s: float) -> bool:
        """Fold the recording for at most about `budget_s` seconds; return whether there is more."""
        more = self._playback.fold(budget_s)
        first = self._playback.first_at
        if first is not None and first != self.connection_status.since:
            self.connection_status = replace(self.connection_status, since=first)
        return more

    async def read(self, task_id: str) -> DecodedResult:
        """Return a recorded result.

        Raises:
            NotFoundError: the recording does not have it.
        """
        result = self._playback.results.get(task_id)
        if result is None:
            raise NotFoundError(
                _("The recording has no such result"),
                _("{key} was not read while it was recorded.").format(key=task_id),
            )
        return DecodedResult(to_json(result.return_value).encode(), result)

    async def return_value(self, run: TaskRun) -> ReturnValue:
        """Return what a run returned, or that its result was not recorded."""
        return await read_return_value(run, self.read)

    async def last_good_run(self, first: TaskRun) -> TaskRun | None:
        """Return the last recorded run of a task that succeeded by its result too."""
        return (await find_last_good_run(self.state.runs, first, self.read)).run

    def _fail(self) -> NoReturn:
        raise RecordingShownError


def _environment(name: str) -> Environment | None:
    try:
        return Environment(name) if name else None
    except ValueError:
        return None
