"""HTTP clients for servers of others: they decompress nothing and keep no cookies.

A few kilobytes of a response that is compressed in layers are gigabytes, and httpx decompresses
them before their size is known. Cookies would let a server enlarge each later request.
"""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

CONNECT_TIMEOUT_S: Final = 10.0


class ResponseBodyError(Exception):
    """The body of a successful response is compressed or too large."""


def make_http_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return a client that sends its secrets to the named server only: it does not redirect.

    It limits the time of connecting; limit the time of a whole request where it is made.

    Args:
        transport: sends the requests, None for the usual one.
    """
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
        follow_redirects=False,
        headers={"accept-encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Return the body of a streamed response.

    Args:
        response: its error is not hidden by its body: of that of an error the beginning is
            returned, and nothing if it is compressed.
        limit: maximum number of bytes.

    Raises:
        ResponseBodyError: the response is a success, and compressed or larger.
        httpx.TransportError: the connection was lost.
    """
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        if response.is_success:
            raise ResponseBodyError("the response is compressed, which was not requested")
        return b""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            if response.is_success:
                raise ResponseBodyError(f"the response is larger than {limit:,} bytes")
            del body[limit:]
            break
    return bytes(body)
