"""Everything that a server stores, as text, for tests that look for secrets in it."""

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError


async def stored_texts(js: JetStreamContext) -> dict[str, str]:
    """Return all messages of every stream, with subjects and headers, by the stream's name.

    Streams also hold the buckets. Nothing may be stored or removed meanwhile: a message that is
    counted and cannot be read fails the test.
    """
    found: dict[str, str] = {}
    for stream in await js.streams_info():
        name = str(stream.config.name)
        texts: list[str] = []
        for sequence in range(max(1, stream.state.first_seq), stream.state.last_seq + 1):
            try:
                message = await js.get_msg(name, sequence)
            except NotFoundError:  # deleted, or replaced by a later value
                continue
            body = (message.data or b"").decode(errors="replace")
            texts.append(f"{message.subject} {message.headers} {body}")
        assert len(texts) == stream.state.messages, name
        found[name] = "\n".join(texts)
    return found


async def store_in_every_stream(js: JetStreamContext, text: str) -> None:
    """Store a text in every stream, to prove that `stored_texts` finds it there."""
    for stream in await js.streams_info():
        assert stream.config.subjects, stream.config.name
        subject = stream.config.subjects[0].replace(">", "planted").replace("*", "planted")
        await js.publish(subject, text.encode())
