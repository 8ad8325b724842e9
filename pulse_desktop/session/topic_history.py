"""Reads the stored events of one topic that are older than the newest part of history."""

from typing import Final

from pulse_desktop.protocol.topics import subject_of
from pulse_desktop.session.session import Session
from pulse_desktop.transport.stored_subjects import StoredMessages, messages_since

_NOTHING: Final = StoredMessages((), is_complete=True)


async def load_topic(session: Session, topic: str, since: float) -> StoredMessages:
    """Fold the stored events of a topic since a time that were not read yet.

    Args:
        session: has read the newest part of history.
        topic: of the events.
        since: Unix seconds.

    Returns:
        All of the topic that is stored since then, also what was read before; nothing if there was
        nothing to read, as history was read so far back or no stream stores events.

    Raises:
        ConsumerResetError: the stream cannot be read at the moment.
        NotConnectedError: there is no connection, or it was lost meanwhile.
        NotPermittedError: the server denies one of the subjects.
        UserFacingError: JetStream reported another error, or did not respond.
    """
    read_since = session.backfill.complete_since
    feed = session.event_feed.status
    if feed.mode != "history" or read_since <= since:
        return _NOTHING
    subject = subject_of(topic, session.names.subject_prefix)
    stored = await messages_since(session.connection, feed.stream, subject, since)
    session.state.fold(each for each in reversed(stored.messages) if each.at < read_since)
    return stored
