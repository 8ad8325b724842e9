"""The task that summarises a period."""

from typing import Any

from pulse_workers.chat.current_task import current_task_id, queued_at
from pulse_workers.chat.pipeline.analysis import parse_moment, summarise_period
from pulse_workers.chat.services import current_services
from pulse_workers.errors import InvalidPeriodError
from pulse_workers.registry import task


@task(
    task_name="analyse_period",
    max_attempts=2,
    retry_delay=3,
    retry_on="TimeoutError",
)
async def analyse_period(
    start: str = "-24h", end: str = "", chat: str = "", language: str = ""
) -> dict[str, Any]:
    """Summarise a period: changes, decisions, open questions, risks, and who waits for whom.

    Times before now, such as `-24h`, suit a schedule: each run has its own period. Now is when the
    task was enqueued, however long it waited.

    Args:
        start: first moment: ISO 8601 (UTC without an offset), or a time before now, such as `-24h`
            or `-7d`.
        end: the moment after the period, likewise; empty for now.
        chat: name or id of the chat, in upper or lower case; empty for all.
        language: language of the summary, such as `en`; empty for the configured one.

    Returns:
        The statements with the IDs of the messages that they are drawn from, the number of messages
        of the period and of those that were summarised, and the model. If no message is of the
        chat, it is a soft failure that names the known chats.

    Raises:
        InvalidPeriodError: a time cannot be read, or the end is not after the start.
        ModelError: no model gave a valid answer.
        ProviderRefusedError: the configured provider does not summarise.
        StoreFullError: a bucket has reached its limit.
    """
    now = queued_at()  # not of an attempt: a retry summarises the same period
    first, after = parse_moment(start, now), parse_moment(end, now)
    if after <= first:
        raise InvalidPeriodError(f"the end {after.isoformat()} is not after {first.isoformat()}")
    return await summarise_period(
        current_services(), first, after, chat, language, current_task_id()
    )
