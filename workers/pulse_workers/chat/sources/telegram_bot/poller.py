"""Receives the updates of a Telegram bot by long polling.

The position in the queue of updates is stored after the messages are, so that nothing is lost when
the process is killed; a message that is received again is stored once.
"""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.shared_state import SharedState
from pulse_workers.chat.sources.telegram_bot.bot_api import (
    BotApi,
    BotApiError,
    BotConflictError,
    BotRateLimitedError,
    BotTokenRefusedError,
    BotUnavailableError,
    MakeApi,
)
from pulse_workers.chat.sources.telegram_bot.updates import (
    ALLOWED_UPDATES,
    Deletion,
    UpdateConverter,
    chat_number,
)
from pulse_workers.errors import OUTAGE_ERRORS, SettingsError, StoreFullError

logger = logging.getLogger("pulse.workers.telegram")

LEASE_S: Final = 60.0
"""Longer than a poll and its processing take: the lease is renewed before each poll."""
POLL_S: Final = 25
_MARGIN_S: Final = 10.0
_CALL_TIMEOUT_S: Final = 20.0
_BATCH: Final = 100
_FIRST_BACKOFF_S: Final = 1.0
_MAX_BACKOFF_S: Final = 60.0
_CONFLICT_BACKOFF_S: Final = 15.0
STANDBY_S: Final = 5.0
"""Seconds after which a process without the lease tries again."""
_MAX_UPDATE_ID: Final = 1 << 62
_WEEK_S: Final = 7 * 86_400.0
"""After a week without updates, Telegram begins their ids anew, perhaps with lower ones."""


class MessageSink(Protocol):
    """Where messages go: the same pipeline as those of an export."""

    async def add(self, messages: Sequence[ChatMessage]) -> None:
        """Store new and edited messages, and enqueue what they miss.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        ...

    async def delete(self, message_ids: Sequence[str]) -> None:
        """Delete messages; those that are not stored do not matter."""
        ...


class PollLease(Protocol):
    """Lets one process poll: a request of another process ends the one in progress."""

    async def acquire(self, now: float) -> bool:
        """Acquire or renew the lease; False while another process has it."""
        ...

    async def release(self) -> None:
        """Release the lease, if this process has it."""
        ...


class Position(msgspec.Struct, frozen=True):
    """Stored position.

    Attributes:
        offset: smallest id of an update that has not been processed.
        updated_at: when the last update arrived, Unix seconds.
    """

    offset: int = 0
    updated_at: float = 0.0


@dataclasses.dataclass(frozen=True)
class Bot:
    """The bot that a token belongs to."""

    id: int
    name: str


class TelegramPoller:
    """Polls for one bot, and passes its messages on."""

    def __init__(
        self,
        make_api: MakeApi,
        sink: MessageSink,
        positions: SharedState,
        make_lease: Callable[[str], PollLease],
        *,
        chats: Sequence[int] = (),
        poll_s: int = POLL_S,
    ) -> None:
        """Create a poller that has not called anything.

        Args:
            make_api: makes the client; called again after the token was refused.
            sink: takes the messages.
            positions: keeps the position.
            make_lease: makes the lease with a name.
            chats: ids of the chats to read, as the Bot API gives them; empty for all.
            poll_s: seconds that the server holds a poll without updates.
        """
        self._make_api = make_api
        self._sink = sink
        self._positions = positions
        self._make_lease = make_lease
        self._chats = frozenset(chats)
        self._poll_s = poll_s
        self._api: BotApi | None = None
        self._lease: PollLease | None = None
        self._bot: Bot | None = None
        self._failures = 0
        self._is_standby = False
        self._has_lease = False

    @property
    def is_receiving(self) -> bool:
        """Whether this process holds the lease."""
        return self._bot is not None and self._has_lease

    async def start(self) -> Bot:
        """Check the token and return the bot.

        Raises:
            SettingsError: there is no usable token.
            BotApiError: the request failed.
        """
        api = self._api or self._make_api()
        self._api = api
        found = await api.call("getMe", _CALL_TIMEOUT_S)
        number = found.get("id") if isinstance(found, dict) else None
        if not isinstance(number, int):
            raise BotUnavailableError("getMe returned no bot")
        self._bot = Bot(number, str(found.get("username") or number))
        self._converter = UpdateConverter(number)
        self._lease = self._make_lease(f"telegram.{number}")
        return self._bot

    async def step(self) -> float:
        """Poll once, and return how many seconds to wait before the next step."""
        try:
            wait_s = await self._poll()
        except BotRateLimitedError as error:
            logger.warning("%s; next request in %g s", error, error.retry_after_s)
            return error.retry_after_s
        except BotConflictError as error:
            logger.warning(
                "another program receives the updates of this bot, or it has a webhook (%s); "
                "next request in %g s",
                error,
                _CONFLICT_BACKOFF_S,
            )
            return _CONFLICT_BACKOFF_S
        except (BotApiError, SettingsError, StoreFullError, *OUTAGE_ERRORS) as error:
            if isinstance(error, BotTokenRefusedError):
                await self._close_api()  # the token may have been replaced in its file
            wait_s = self._backoff_s()
            logger.warning("%s: %s; next request in %g s", type(error).__name__, error, wait_s)
            return wait_s
        except Exception:
            logger.exception("updates not processed")
            return self._backoff_s()
        self._failures = 0
        return wait_s

    async def close(self) -> None:
        """Release the lease, so that another process can go on, and close the connections."""
        if self._lease is not None:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await self._lease.release()
        await self._close_api()

    async def _close_api(self) -> None:
        api, self._api, self._bot = self._api, None, None
        if api is not None:
            await api.close()

    def _backoff_s(self) -> float:
        self._failures += 1
        return min(_FIRST_BACKOFF_S * 2.0 ** (self._failures - 1), _MAX_BACKOFF_S)

    async def _poll(self) -> float:
        bot = self._bot or await self.start()
        if self._lease is None or self._api is None:
            return STANDBY_S
        self._has_lease = await self._lease.acquire(time.time())
        if not self._has_lease:
            if not self._is_standby:
                logger.info("another process receives the updates of @%s; standing by", bot.name)
            self._is_standby = True
            return STANDBY_S
        self._is_standby = False
        key = f"telegram.{bot.id}"
        found, revision = await self._positions.get(key)
        position = _position(found)
        parameters: dict[str, Any] = {
            "timeout": self._poll_s,
            "limit": _BATCH,
            "allowed_updates": ALLOWED_UPDATES,
        }
        if time.time() - position.updated_at < _WEEK_S:
            parameters["offset"] = position.offset
        started = time.monotonic()
        updates = await self._api.call("getUpdates", self._poll_s + _MARGIN_S, **parameters)
        if not isinstance(updates, list):
            raise BotUnavailableError("getUpdates returned no list")
        if not updates:  # a server that does not hold polls is not asked without a break
            return max(0.0, min(1.0, self._poll_s) - (time.monotonic() - started))
        ids = [number for each in updates if (number := _update_id(each)) is not None]
        if ids and max(ids) < parameters.get("offset", 0):  # it would send them without a break
            raise BotUnavailableError("getUpdates returned only updates that are confirmed")
        await self._process(updates)
        if not ids:
            raise BotUnavailableError("getUpdates returned no update with an id")
        following = Position(max(ids) + 1, time.time())
        if not await self._positions.compare_and_set(key, following, revision):
            logger.warning("another process has moved the position of @%s", bot.name)
            return _FIRST_BACKOFF_S
        return 0.0

    async def _process(self, updates: Sequence[Any]) -> None:
        """Pass on what updates tell of, in their order."""
        messages: dict[str, ChatMessage] = {}
        for update in updates:
            found = self._convert(update)
            if isinstance(found, ChatMessage):
                messages.pop(found.id, None)  # only its last state counts
                messages[found.id] = found
            elif found is not None:
                await self._add(messages)
                messages = {}
                await self._sink.delete(found.message_ids)
        await self._add(messages)

    async def _add(self, messages: dict[str, ChatMessage]) -> None:
        if messages:
            await self._sink.add(list(messages.values()))

    def _convert(self, update: Any) -> ChatMessage | Deletion | None:
        if not isinstance(update, dict):
            logger.warning("an update is not an object, and is skipped")
            return None
        if self._chats and chat_number(update) not in self._chats:
            return None
        try:
            return self._converter.convert(update)
        except Exception as error:  # noqa: BLE001 - one update must not stop all that follow
            logger.warning(
                "update %s cannot be read (%s), and is skipped",
                _update_id(update),
                type(error).__name__,
            )
            return None


def _update_id(update: Any) -> int | None:
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) and 0 <= number < _MAX_UPDATE_ID else None


def _position(value: Any) -> Position:
    try:
        return msgspec.convert(value, Position)
    except msgspec.ValidationError:
        return Position()
