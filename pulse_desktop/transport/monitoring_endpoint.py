"""A server's HTTP monitoring endpoint, requested without blocking the event loop.

Its address is often guessed, so any program may respond. A response counts only if it is plain
JSON of limited size that arrives in limited time; nothing is decompressed, and redirects are not
followed.

Loading httpx, and what it loads when it is first used, takes half a second on a slow machine, and
loading certificates some fifty milliseconds more. So it is loaded when a page is requested, and the
first request is made in a thread, with an event loop of its own.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    import httpx

TIMEOUT_S: Final = 2.0
"""Timeout of a whole response. A timeout per read would let a slow sender continue forever."""

MAX_BYTES: Final = 2 << 20
"""Twice the size of a page of 1,024 subscriptions with long subjects."""

BACK_OFF_S: Final = 15.0
"""How long an endpoint that did not respond is left out."""

Page = TypeVar("Page")


class _NoPageError(Exception):
    """There was no usable response in time."""


class MonitoringEndpoint:
    """An HTTP client of one monitoring endpoint. It is optional: no response is no error.

    Attributes:
        url: such as `http://127.0.0.1:8222`, empty when there is none.
    """

    def __init__(self, url: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Describe the endpoint; nothing is sent yet.

        Args:
            url: None or empty when there is none.
            clock: seconds, for the back-off.
        """
        self.url = (url or "").rstrip("/")
        self._clock = clock
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._backed_off_until = 0.0

    def move_to(self, url: str) -> None:
        """Use another address from now on."""
        self.url = url.rstrip("/")
        self._backed_off_until = 0.0

    def back_off(self) -> None:
        """Send no requests for `BACK_OFF_S` seconds."""
        self._backed_off_until = self._clock() + BACK_OFF_S

    async def get(self, page: str, query: dict[str, str], kind: type[Page]) -> Page | None:
        """Return the content of a page, None without a response or with an unexpected one.

        Args:
            page: such as `varz`.
            query: parameters.
            kind: type to decode the JSON into.
        """
        if not self.url or self._clock() < self._backed_off_until:
            return None
        try:
            http = await self._client()
            content = await _fetch(http, f"{self.url}/{page}", query)
            return msgspec.json.decode(content, type=kind, strict=False)
        except (_NoPageError, msgspec.DecodeError, ValueError, RecursionError):
            self.back_off()
            return None

    async def close(self) -> None:
        """Close the client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _client(self) -> "httpx.AsyncClient":
        async with self._opening:
            if self._http is None:
                url = self.url
                await asyncio.to_thread(lambda: asyncio.run(_request_once(url)))
                self._http = await asyncio.to_thread(_make_client, url)
            return self._http


def _make_client(url: str) -> "httpx.AsyncClient":
    from http.cookiejar import CookieJar, DefaultCookiePolicy  # noqa: PLC0415 - see above

    import httpx  # noqa: PLC0415 - see above

    # A proxy in the environment is not meant for an endpoint that is hardly ever public.
    # Certificates are not needed without TLS, and loading them takes time.
    return httpx.AsyncClient(
        timeout=TIMEOUT_S,
        trust_env=False,
        verify=url.startswith("https"),
        # The default, 5 s, is the interval of the polls: each would open a connection.
        limits=httpx.Limits(keepalive_expiry=30.0),
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none is kept
    )


async def _request_once(url: str) -> None:
    """Make httpx load everything that a request needs. Raises _NoPageError as the request does."""
    async with _make_client(url) as http:
        await _fetch(http, f"{url}/varz", {})


async def _fetch(http: "httpx.AsyncClient", url: str, query: dict[str, str]) -> bytes:
    """Return the body of a page.

    Raises:
        _NoPageError: no response in time, or it is not JSON, compressed or too large; or the URL
            cannot be parsed.
    """
    import httpx  # noqa: PLC0415 - see above

    try:
        async with asyncio.timeout(TIMEOUT_S), http.stream("GET", url, params=query) as response:
            response.raise_for_status()
            content_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            if content_type.lower() != "application/json":
                raise _NoPageError("the response is not JSON")
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise _NoPageError("the response is compressed")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _NoPageError("the response is too large")
            return bytes(body)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise _NoPageError(str(error)) from None
