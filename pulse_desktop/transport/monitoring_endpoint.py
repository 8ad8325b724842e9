"""Asking a server's HTTP monitoring port, in a way that the event loop never feels.

What httpx loads when it is first used takes half a second on a slow machine, and trusting
certificates some fifty milliseconds more. A window that stood still for that long would be seen to;
so the first request is made in a thread, on a loop of its own.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

import httpx
import msgspec

TIMEOUT_S: Final = 1.0
BACK_OFF_S: Final = 15.0
"""Seconds for which a port that did not answer is not asked again."""

Answer = TypeVar("Answer")


class MonitoringEndpoint:
    """A client of one monitoring port; that it does not answer is no error.

    Attributes:
        url: such as `http://127.0.0.1:8222`, empty when there is none.
    """

    def __init__(self, url: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Describe the port; nothing is sent yet.

        Args:
            url: None or empty when there is none.
            clock: seconds, to know when to try again.
        """
        self.url = (url or "").rstrip("/")
        self._clock = clock
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._silent_until = 0.0

    def move_to(self, url: str) -> None:
        """Ask at another address from now on."""
        self.url = url.rstrip("/")
        self._silent_until = 0.0

    def leave_alone(self) -> None:
        """Do not ask again for a while."""
        self._silent_until = self._clock() + BACK_OFF_S

    async def get(self, page: str, query: dict[str, str], kind: type[Answer]) -> Answer | None:
        """Return what a page says, None when the port does not answer or says something else.

        Args:
            page: such as `varz`.
            query: parameters.
            kind: what the JSON of the answer is read into.
        """
        if not self.url or self._clock() < self._silent_until:
            return None
        try:
            http = await self._client()
            answer = await http.get(f"{self.url}/{page}", params=query)
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=kind, strict=False)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError):
            self.leave_alone()
            return None

    async def close(self) -> None:
        """Close the client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _client(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._http is None:
                url = self.url
                await asyncio.to_thread(lambda: asyncio.run(_ask_once(url)))
                self._http = await asyncio.to_thread(_make_client, url)
            return self._http


def _make_client(url: str) -> httpx.AsyncClient:
    # A proxy of the environment is not meant for a port that is hardly ever public. Certificates
    # are of no use without TLS, and reading them takes time.
    return httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, verify=url.startswith("https"))


async def _ask_once(url: str) -> None:
    """Make httpx load all that it needs for a request. Raises what a request raises."""
    async with _make_client(url) as http:
        await http.get(f"{url}/healthz")
