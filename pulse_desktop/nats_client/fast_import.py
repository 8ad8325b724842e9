"""Import of nats-py without aiohttp, which takes as long to load and only serves WebSockets.

The package `transport` imports this module before anything else of NATS.
"""

import asyncio
import importlib
import sys
from typing import Any

if "nats" not in sys.modules and "aiohttp" not in sys.modules:
    sys.modules["aiohttp"] = None  # type: ignore[assignment] # importing it fails now
    try:
        importlib.import_module("nats.aio.transport")
    finally:
        del sys.modules["aiohttp"]


async def load_websockets() -> None:
    """Make nats-py able to connect to WebSockets. Loading takes a moment, so a thread does it."""
    transport: Any = importlib.import_module("nats.aio.transport")
    if transport.aiohttp is None:
        transport.aiohttp = await asyncio.to_thread(importlib.import_module, "aiohttp")
