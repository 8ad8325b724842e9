"""Everything that talks to NATS: connection, feeds, task queue, results. asyncio, no Qt."""
