"""Client of the Telegram Bot API, which hides the token of the bot.

The token is part of each URL of the API. It is put into a request only where the request is
sent, so that no log line, exception or traceback of the HTTP library contains it.
"""

import asyncio
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from pulse_desktop.model.redaction import redact_url, redacted_start
from pulse_desktop.text.translation import _
from pulse_workers.chat.http_client import ResponseBodyError, make_http_client, read_body
from pulse_workers.chat.sources.lenient_json import decode_value
from pulse_workers.config.known_secrets import KNOWN_SECRETS
from pulse_workers.config.secret import Secret
from pulse_workers.config.secret_file import read_secret_file
from pulse_workers.errors import SettingsError, WorkerError

TOKEN_VARIABLE: Final = "PULSE_TELEGRAM_TOKEN"  # noqa: S105 - the name of a variable
URL_VARIABLE: Final = "PULSE_TELEGRAM_URL"
MAX_RESPONSE: Final = 16 << 20
_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{10,200}")
_PLACEHOLDER: Final = "/bot/"
_MAX_TEXT: Final = 300
_MIN_RETRY_AFTER_S: Final = 1.0
_MAX_RETRY_AFTER_S: Final = 3_600.0


class BotApiError(WorkerError):
    """A request to the Bot API failed."""


class BotUnavailableError(BotApiError):
    """The Bot API is unreachable, overloaded, or its response is not one of the Bot API."""


class BotRateLimitedError(BotApiError):
    """There are too many requests.

    Attributes:
        retry_after_s: seconds after which the next one is accepted.
    """

    def __init__(self, text: str, retry_after_s: float) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class BotConflictError(BotApiError):
    """Another program receives the updates of this bot."""


class BotTokenRefusedError(BotApiError):
    """The token is not, or no longer, the token of a bot."""


class BotRefusedError(BotApiError):
    """The request was refused for another reason."""


class BotToken(Secret):
    """The token of a bot."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        """Keep a token.

        Raises:
            ValueError: it has not the form of a token.
        """
        if not _TOKEN.fullmatch(value):
            raise ValueError("not the token of a bot")
        super().__init__(value, value.partition(":")[2])

    def path(self, path: str) -> str:
        """Return the path of a request with the token in place of the placeholder."""
        before, _placeholder, method = path.rpartition(_PLACEHOLDER)
        return f"{before}/bot{self._value}/{method}"


def read_token(value: str, file: str) -> BotToken:
    """Return the token of the bot, given as a value or in a file.

    Raises:
        SettingsError: there is none, both are given, or the file cannot be used.
    """
    if value and file:
        raise SettingsError(
            f"{TOKEN_VARIABLE} and {TOKEN_VARIABLE}_FILE", "", _("only one of them")
        )
    name = f"{TOKEN_VARIABLE}_FILE" if file else TOKEN_VARIABLE
    text = read_secret_file(name, Path(file).expanduser()) if file else value
    if not text.strip():
        raise SettingsError(name, "", _("the token of a Telegram bot; there is none"))
    try:
        token = BotToken(text.strip())
    except ValueError:
        expected = _("the token of a Telegram bot, such as 110201543:AAHdq…")
        raise SettingsError(name, "", expected) from None
    KNOWN_SECRETS.add([text.strip()])
    return token


class BotApi:
    """Calls methods of the Bot API."""

    def __init__(self, url: str, token: BotToken) -> None:
        """Prepare requests.

        Args:
            url: base URL of the API, without the token.
            token: of the bot.

        Raises:
            SettingsError: the URL is not one of an HTTP server.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise SettingsError(URL_VARIABLE, redact_url(url), _("the URL of an HTTP server"))
        self._url = url.rstrip("/")
        self._token = token
        self._client = make_http_client(
            _TokenTransport(token, _proxy_of(parts.scheme, parts.hostname))
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(self, method: str, timeout_s: float, **parameters: object) -> Any:
        """Call a method and return its result.

        Args:
            method: its name.
            timeout_s: limit for the whole request.
            parameters: of the method.

        Raises:
            BotApiError: it failed; the class says how.
        """
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._client.stream(
                    "POST",
                    f"{self._url}{_PLACEHOLDER}{method}",
                    content=msgspec.json.encode(parameters),
                    headers={"content-type": "application/json"},
                ) as response,
            ):
                body = self._token.mask_response(await read_body(response, MAX_RESPONSE))
        except TimeoutError:
            raise self._unavailable(f"no answer within {timeout_s:g} s") from None
        except ResponseBodyError as error:
            raise self._unavailable(str(error)) from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            raise self._unavailable(reason) from None
        return self._result(response, body)

    def _result(self, response: httpx.Response, body: bytes) -> Any:
        status = response.status_code
        # One text with half a character in it must not hide all the other updates.
        answer = decode_value(body, are_tokens_repaired=False)
        if not isinstance(answer, dict):
            answer = {}
        if response.is_success and answer.get("ok") is True and "result" in answer:
            return answer["result"]
        if response.is_success and answer.get("ok") is not False:
            raise self._unavailable(f"the response is not one of the Bot API; check {URL_VARIABLE}")
        raise self._error(status, answer, response.headers.get("retry-after"))

    def _error(self, status: int, answer: dict[str, Any], retry_after: str | None) -> BotApiError:
        code = answer.get("error_code")
        if status < httpx.codes.BAD_REQUEST and isinstance(code, int):
            status = code
        text = self._text(f"HTTP {status} {answer.get('description') or ''}".strip())
        match status:
            case 401 | 404:
                return BotTokenRefusedError(text)
            case 409:
                return BotConflictError(text)
            case 429:
                parameters = answer.get("parameters")
                told = parameters.get("retry_after") if isinstance(parameters, dict) else None
                return BotRateLimitedError(text, _seconds(told, retry_after))
            case _ if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                return BotUnavailableError(text)
        return BotRefusedError(text)

    def _unavailable(self, reason: str) -> BotUnavailableError:
        return BotUnavailableError(self._text(reason))

    def _text(self, reason: str) -> str:
        """Return what an error says: where, and the reason without secrets."""
        line = self._token.mask(reason).replace("\n", " ")
        return f"{redact_url(self._url)}: {redacted_start(line, _MAX_TEXT)}"


def _seconds(*candidates: object) -> float:
    """Return the first of several values that is a number of seconds, within reason."""
    for candidate in candidates:
        try:
            seconds = float(str(candidate))
        except ValueError:
            continue
        if seconds >= 0:
            return max(_MIN_RETRY_AFTER_S, min(seconds, _MAX_RETRY_AFTER_S))
    return _MIN_RETRY_AFTER_S


def _proxy_of(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for a server.

    With a transport of our own httpx does not look for it.
    """
    if urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(scheme) or proxies.get("all")


class _TokenTransport(httpx.AsyncBaseTransport):
    """Puts the token into a request at the moment it is sent."""

    def __init__(self, token: BotToken, proxy: str | None) -> None:
        self._token = token
        self._transport = httpx.AsyncHTTPTransport(proxy=proxy)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(path=self._token.path(request.url.path))
        return await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                url,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    async def aclose(self) -> None:
        await self._transport.aclose()


MakeApi = Callable[[], BotApi]
"""Makes a client with the token as it is set at that moment."""
