"""Everything that talks to NATS: connection, feeds, task queue, results. asyncio, no Qt."""

import pulse_desktop.nats_client.fast_import  # noqa: F401 - before anything else imports nats-py
