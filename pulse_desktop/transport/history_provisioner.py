"""Finds out which history a server keeps, and creates the streams that are missing.

A stream that exists is never changed: its limits were chosen by its owner.
"""

import asyncio
import contextlib
from typing import Final

from nats import errors
from nats.js.api import StreamInfo
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import (
    NotConnectedError,
    NotPermittedError,
    UserFacingError,
)
from pulse_desktop.model.history_plan import (
    MIB,
    HistoryItem,
    HistoryKind,
    HistoryOutcome,
    HistoryPlan,
    HistoryState,
    HistoryStream,
)
from pulse_desktop.nats_client.history_stream_config import history_config
from pulse_desktop.nats_client.provisioning import (
    NAME_IN_USE_CODE,
    NO_STORAGE_CODE,
    SUBJECTS_OVERLAP_CODE,
    overlap_error,
)
from pulse_desktop.protocol.history_stream_names import history_stream
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.protocol.topics import EVENT_SUBJECT, with_prefix
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.source_stream import NoStream, SourceStream, find_source_stream

API_TIMEOUT_S: Final = 5.0
_FULL_CODES: Final = frozenset({NO_STORAGE_CODE, 10002, 10023, 10028})
"""No storage, the limits of the account, or no server with room."""
_TOO_MANY_CODE: Final = 10027


class HistoryProvisioner:
    """Reads which history a server keeps of one system, and creates streams for it."""

    def __init__(self, connection: Connection, names: TaskiqNames) -> None:
        """Prepare; nothing is sent.

        Args:
            connection: run elsewhere.
            names: of the TaskIQ system.
        """
        self._connection = connection
        self._names = names

    async def plan(self) -> HistoryPlan:
        """Return what the server keeps, and what can be made.

        Raises:
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            JetStreamNotReadyError: its cluster has no leader at the moment.
        """
        _js = self._connection.js  # raises without JetStream
        if (error := self._connection.jetstream_error) is not None:
            raise error
        items = [await self._item(kind) for kind in (HistoryKind.EVENTS, HistoryKind.TASKS)]
        if await self._may_give_up():
            items.append(await self._item(HistoryKind.ADVISORIES))
        return HistoryPlan(tuple(items), await self._free_bytes())

    async def create(self, stream: HistoryStream) -> HistoryOutcome:
        """Create a stream, unless one of its name exists or another one stores its subjects.

        The outcome holds any error, but NotConnectedError and NoJetStreamError are raised.
        """
        if not stream.limits.are_valid:
            raise ValueError(f"limits out of bounds: {stream.limits}")
        try:
            return await self._create(stream)
        except NotConnectedError:
            raise
        except UserFacingError as error:
            return HistoryOutcome(stream, created=False, error=error)

    async def _item(self, kind: HistoryKind) -> HistoryItem:
        stream = history_stream(kind, self._names)
        is_task = kind is HistoryKind.TASKS
        named = self._names.stream if is_task else ""
        subject = stream.subjects[0]
        wanted = subject
        if kind is HistoryKind.EVENTS:
            wanted = with_prefix(EVENT_SUBJECT, self._names.subject_prefix)
        found = await find_source_stream(self._connection, wanted, subject, named)
        if isinstance(found, SourceStream):
            kept = HistoryStream(kind, found.name, stream.subjects)
            return HistoryItem(kept, HistoryState.KEPT)
        if found.missing:
            return await self._missing_item(stream)
        if not found.unreadable and named:
            reason = _("{problem}; the profile names it as the stream of the tasks")
            found = NoStream(reason.format(problem=found.reason))
        state = HistoryState.UNKNOWN if found.unreadable else HistoryState.IMPOSSIBLE
        return HistoryItem(stream, state, found.reason)

    async def _missing_item(self, stream: HistoryStream) -> HistoryItem:
        """Return the item of subjects that no stream stores: a stream of the name may exist."""
        info = await self._info(stream.name)
        if info is None:
            return HistoryItem(stream, HistoryState.MISSING)
        reason = _("the stream {stream} exists and stores other subjects: {subjects}")
        subjects = ", ".join(info.config.subjects or ()) or _("none")
        reason = reason.format(stream=stream.name, subjects=subjects)
        return HistoryItem(stream, HistoryState.IMPOSSIBLE, reason)

    async def _info(self, name: str) -> StreamInfo | None:
        """Return a stream, None if there is none of the name or this user may not look."""
        try:
            return await self._connection.request(
                self._connection.js.stream_info(name), f"$JS.API.STREAM.INFO.{name}"
            )
        except (APIError, errors.Error, NotPermittedError):
            return None

    async def _may_give_up(self) -> bool:
        """Whether a consumer of the tasks has a limited number of deliveries, as far as is known.

        Only then does JetStream give tasks up. That of our workers has no limit, and a reader
        of copies does not run them.
        """
        js = self._connection.js
        try:
            name = self._names.stream or await self._connection.request(
                js.find_stream_name_by_subject(self._names.subject), "$JS.API.STREAM.NAMES"
            )
            consumers = await self._connection.request(
                js.consumers_info(name), f"$JS.API.CONSUMER.LIST.{name}"
            )
            info = await self._connection.request(
                js.stream_info(name), f"$JS.API.STREAM.INFO.{name}"
            )
        except (APIError, errors.Error, NotPermittedError):
            return False
        if info.config.no_ack:
            return False
        return any((consumer.config.max_deliver or 0) > 0 for consumer in consumers)

    async def _free_bytes(self) -> int | None:
        """Return what the account may still store; None without a limit, or if it is unknown."""
        try:
            info = await self._connection.request(
                self._connection.js.account_info(), "$JS.API.INFO"
            )
        except (APIError, errors.Error, NotPermittedError):
            return None
        limit = info.limits.max_storage
        return max(0, limit - info.storage) if limit > 0 else None

    async def _create(self, stream: HistoryStream) -> HistoryOutcome:
        connection = self._connection
        if (existing := await self._info(stream.name)) is not None:
            return self._existing(stream, existing)
        try:
            async with asyncio.timeout(API_TIMEOUT_S):
                await connection.request(
                    connection.js.add_stream(history_config(stream)),
                    f"$JS.API.STREAM.CREATE.{stream.name}",
                )
        except (errors.TimeoutError, TimeoutError):
            raise UserFacingError(
                _("Not confirmed: {stream}").format(stream=stream.name),
                _("JetStream did not respond in time; the stream may have been made."),
                _("Look again in a moment."),
            ) from None
        except APIError as error:
            if error.err_code == NAME_IN_USE_CODE:  # another program was quicker
                existing = await self._info(stream.name)
                return self._existing(stream, existing)
            raise await self._explain(stream, error) from None
        return HistoryOutcome(stream, created=True)

    def _existing(self, stream: HistoryStream, info: StreamInfo | None) -> HistoryOutcome:
        """Return the outcome for a stream that exists, which is left as it is."""
        if info is not None and not set(stream.subjects) <= set(info.config.subjects or ()):
            error = UserFacingError(
                _("Not made: {stream}").format(stream=stream.name),
                _("a stream of this name exists and stores other subjects; it was not changed."),
                _("See `nats stream info {stream}`.").format(stream=stream.name),
            )
            return HistoryOutcome(stream, created=False, error=error)
        return HistoryOutcome(stream, created=False)

    async def _explain(self, stream: HistoryStream, error: APIError) -> UserFacingError:
        title = _("Not made: {stream}").format(stream=stream.name)
        reason = (error.description or str(error)).rstrip(".")
        code = error.err_code
        if code == SUBJECTS_OVERLAP_CODE:
            overlap = None
            with contextlib.suppress(NotFoundError, errors.Error, TimeoutError):
                overlap = await overlap_error(self._connection.js, history_config(stream))
            if overlap is not None:
                return UserFacingError(title, f"{overlap.detail}.", overlap.advice)
            return UserFacingError(
                title,
                _("another stream stores some of its subjects ({reason}).").format(reason=reason),
                _("List the streams with `nats stream ls --subjects`."),
            )
        if code in _FULL_CODES:
            text = _("the server has no room for {size} MiB ({reason}).")
            return UserFacingError(
                title,
                text.format(size=stream.limits.max_bytes // MIB, reason=reason),
                _("Choose a smaller size, or raise the limits of JetStream on the server."),
            )
        if code == _TOO_MANY_CODE:
            return UserFacingError(
                title,
                _("the account may have no more streams ({reason}).").format(reason=reason),
                _("Remove a stream, or raise the limit of the account."),
            )
        return UserFacingError(title, _("JetStream reported: {error}.").format(error=reason))
