"""Names of the topics of a forum: a group whose messages are written in named threads.

A topic begins with a service message, and a message of it replies to that one or to another message
of the topic.
"""

from typing import Any, Final, TypeAlias

from pulse_workers.chat.sources.telegram_message import message_number

_Number: TypeAlias = int | str
_MAX_KNOWN: Final = 10_000
"""Messages whose topic is remembered; a reply to an earlier one has none."""
_MAX_NAME: Final = 200


class ForumThreads:
    """The topics of one chat."""

    def __init__(self) -> None:
        self._names: dict[_Number, str] = {}
        self._roots: dict[_Number, _Number] = {}

    def add_service_message(self, raw: dict[str, Any]) -> None:
        """Learn from a service message of an export that a topic was created or renamed."""
        match raw.get("action"):
            case "topic_created":
                self._name(raw.get("id"), raw.get("title"))
            case "topic_edit":
                self._name(raw.get("reply_to_message_id"), raw.get("new_title"))

    def thread_of(self, raw: dict[str, Any]) -> str:
        """Return the name of the topic of a message of an export, empty for none."""
        reply = raw.get("reply_to_message_id")
        if not isinstance(reply, _Number) or raw.get("reply_to_peer_id"):
            return ""
        root = reply if reply in self._names else self._roots.get(reply)
        if root is None:
            return ""
        self._remember(self._roots, raw.get("id"), root)
        return self._names.get(root, "")

    def thread_of_received(self, message: dict[str, Any]) -> str:
        """Return the name of the topic of a message of the Bot API, empty for none or unknown."""
        root = message.get("message_thread_id")
        if not isinstance(root, int) or not message.get("is_topic_message"):
            return ""
        reply = message.get("reply_to_message")
        for each in (reply, message):
            for change in ("forum_topic_created", "forum_topic_edited"):
                topic = each.get(change) if isinstance(each, dict) else None
                if isinstance(topic, dict) and (each is message or root not in self._names):
                    self._name(root, topic.get("name"))
        return self._names.get(root, "")

    def _name(self, root: Any, name: Any) -> None:
        if isinstance(name, str) and name:
            self._remember(self._names, root, name[:_MAX_NAME])

    @staticmethod
    def _remember(known: dict[_Number, Any], raw: Any, value: Any) -> None:
        if (number := message_number({"id": raw})) is None:
            return
        known[number] = value
        if len(known) > _MAX_KNOWN:
            del known[next(iter(known))]
