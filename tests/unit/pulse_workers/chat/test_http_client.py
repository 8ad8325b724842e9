"""What all HTTP clients of the workers have in common, against servers with hostile responses."""

import functools
import resource
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from pulse_workers.chat.providers.http.api_key import KeyInEnvironment
from pulse_workers.chat.providers.http.limits import Limits, SharedLimits
from pulse_workers.chat.providers.http.transport import Transport
from pulse_workers.chat.providers.model_errors import (
    ModelProtocolError,
    ModelRefusedError,
    ModelUnavailableError,
)
from pulse_workers.chat.shared_state import LocalState
from pulse_workers.chat.sources.telegram_bot.bot_api import (
    MAX_RESPONSE,
    BotApi,
    BotRefusedError,
    BotToken,
    BotUnavailableError,
)

from tests.kit.raw_http_server import RawHttpServer, http_response
from tests.kit.telegram_bot_server import TOKEN

KEY = "sk-Test-5e9b2f7c"

Call = Callable[[], Awaitable[object]]


@asynccontextmanager
async def model_server_calls(url: str) -> AsyncIterator[Call]:
    limits = SharedLimits("test", Limits(), LocalState())
    transport = Transport(url, KeyInEnvironment("K", {"K": KEY}), limits, timeout_s=30)
    yield lambda: transport.get("/models")
    await transport.close()


@asynccontextmanager
async def bot_api_calls(url: str) -> AsyncIterator[Call]:
    api = BotApi(url, BotToken(TOKEN))
    yield lambda: api.call("getMe", 30)
    await api.close()


CLIENTS = pytest.mark.parametrize("calls", [model_server_calls, bot_api_calls])
Calls = Callable[[str], AbstractAsyncContextManager[Call]]


@functools.cache
def gzip_of_zeros(mib: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(mib)]
    return b"".join((*parts, packer.flush()))


@functools.cache
def twice(body: bytes) -> bytes:
    return zlib.compress(body, 9, wbits=31)


@CLIENTS
@pytest.mark.parametrize(
    "encoding",
    [
        "gzip",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("gzip, gzip", "GZIP, identity", "br")
        ),
    ],
)
async def test_nothing_is_decompressed(calls: Calls, encoding: str) -> None:
    body = twice(gzip_of_zeros(128))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with (
        RawHttpServer(http_response(body, f"content-encoding: {encoding}")) as server,
        calls(server.url) as call,
    ):
        with pytest.raises((ModelProtocolError, BotUnavailableError), match="is compressed"):
            await call()
        assert "\r\naccept-encoding: identity\r\n" in server.heads[0]
        server.response = http_response(body, f"content-encoding: {encoding}", status="403 No")
        with pytest.raises((ModelRefusedError, BotRefusedError), match="HTTP 403"):
            await call()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10, "KiB"


@CLIENTS
async def test_a_long_response_is_refused_and_a_long_error_is_still_an_error(calls: Calls) -> None:
    body = b" " * (MAX_RESPONSE + 1)
    async with RawHttpServer(http_response(body)) as server, calls(server.url) as call:
        with pytest.raises((ModelProtocolError, BotUnavailableError), match="is larger than"):
            await call()
        server.response = http_response(body, status="403 No")
        with pytest.raises((ModelRefusedError, BotRefusedError), match="HTTP 403"):
            await call()


@CLIENTS
async def test_cookies_are_not_kept(calls: Calls) -> None:
    body = b'{"ok": true, "result": {}}'
    cookies = ("set-cookie: a=b", "set-cookie: c=d; path=/; domain=127.0.0.1")
    async with (
        RawHttpServer(http_response(body, *cookies)) as server,
        calls(server.url) as call,
    ):
        await call()
        await call()
        assert len(server.heads) == 2
        assert not [head for head in server.heads if "cookie" in head]


@pytest.mark.parametrize(
    ("calls", "secret"),
    [(model_server_calls, KEY), (bot_api_calls, TOKEN.partition(":")[2])],
)
async def test_no_part_of_a_secret_is_left_where_an_error_is_cut(calls: Calls, secret: str) -> None:
    async with RawHttpServer(b"") as server, calls(server.url) as call:
        for padding in range(190, 310, 3):  # the error of the HTTP library quotes the line
            line = "x" * padding + " " + secret
            server.response = f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode()
            with pytest.raises((ModelUnavailableError, BotUnavailableError), match="xxx") as raised:
                await call()
            assert secret[:6] not in str(raised.value)
