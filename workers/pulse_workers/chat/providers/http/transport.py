"""HTTP requests to a model server: deadlines, limits of size, retries, errors without secrets."""

import asyncio
import email.utils
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.providers.http.api_key import ApiKey, KeySource
from pulse_workers.chat.providers.http.wire_format import error_of, first_line
from pulse_workers.chat.providers.model_errors import (
    ModelError,
    ModelProtocolError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from pulse_workers.chat.providers.provider import Usage
from pulse_workers.errors import SettingsError

R = TypeVar("R")

MAX_ATTEMPTS: Final = 4
MAX_RETRY_WAIT_S: Final = 60.0
"""A longer `Retry-After` is left to the caller: a fallback, or a retry of the task."""
_FIRST_BACKOFF_S: Final = 0.5
_MAX_BACKOFF_S: Final = 8.0
CONNECT_TIMEOUT_S: Final = 10.0
MAX_RESPONSE: Final = 8 << 20
MAX_ERROR_RESPONSE: Final = 64 << 10
_RETRIED: Final = frozenset({408, 409, 429})
_QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes of a 429 that no waiting ends."""


class _RetryableError(Exception):
    """An attempt failed in a way that may be over soon.

    Attributes:
        error: what is raised when it is the last attempt.
        retry_after_s: how long the server asks to wait, None if it does not say.
    """

    def __init__(self, error: ModelError, retry_after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after_s = retry_after_s


class Transport:
    """Makes requests below one base URL."""

    def __init__(
        self,
        base_url: str,
        key: KeySource | None,
        *,
        timeout_s: float,
        max_attempts: int = MAX_ATTEMPTS,
        first_backoff_s: float = _FIRST_BACKOFF_S,
    ) -> None:
        """Prepare requests.

        Args:
            base_url: address of the server, without a login.
            key: where the API key is kept, None if the server needs none.
            timeout_s: limit of one attempt, from connecting to the last byte.
            max_attempts: attempts of one request.
            first_backoff_s: wait before the second attempt; it doubles.
        """
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s
        self._max_attempts = max_attempts
        self._first_backoff_s = first_backoff_s
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),  # the whole has a limit below
            follow_redirects=False,  # the key is for this server only
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, *, timeout_s: float | None = None) -> bytes:
        """Make one GET request, without retries: for checks.

        Raises:
            ModelError: it failed.
        """
        try:
            return await self._attempt("GET", path, None, timeout_s)
        except _RetryableError as error:
            raise error.error from None

    async def post(
        self,
        path: str,
        payload: Mapping[str, Any],
        decode: Callable[[bytes], R],
        *,
        timeout_s: float | None = None,
    ) -> R:
        """Make a POST request, with retries, and decode the response.

        Raises:
            ModelError: it failed.
        """
        attempt = 1
        while True:
            try:
                return decode(await self._attempt("POST", path, payload, timeout_s))
            except _RetryableError as error:
                wait_s = self._backoff_s(attempt)
                if error.retry_after_s is not None:
                    wait_s = error.retry_after_s * random.uniform(1.0, 1.1)  # noqa: S311
                if attempt == self._max_attempts or wait_s > MAX_RETRY_WAIT_S:
                    raise error.error from None
            attempt += 1
            await asyncio.sleep(wait_s)

    def _backoff_s(self, attempt: int) -> float:
        longest = min(self._first_backoff_s * 2.0 ** (attempt - 1), _MAX_BACKOFF_S)
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads retries

    async def _attempt(
        self, method: str, path: str, payload: Mapping[str, Any] | None, timeout_s: float | None
    ) -> bytes:
        """Make one request and return the body of a successful response, without the key."""
        limit_s = timeout_s or self._timeout_s
        key = None
        try:
            key = await self._key.read() if self._key is not None else None
        except SettingsError as error:
            raise ModelRefusedError(str(error), 401) from None
        headers = {"accept": "application/json", **(key.headers if key is not None else {})}
        content = None
        if payload is not None:
            headers["content-type"] = "application/json"
            content = msgspec.json.encode(payload)
        try:
            async with (
                asyncio.timeout(limit_s),
                self._client.stream(
                    method, self._base_url + path, content=content, headers=headers
                ) as response,
            ):
                is_success = response.is_success
                body = await _read(response, MAX_RESPONSE if is_success else MAX_ERROR_RESPONSE)
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise _unreachable(self._base_url, error, key) from None
            text = f"{self._address} did not answer within {limit_s:g} s"
            raise ModelUnavailableError(text, Usage()) from None
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            raise _unreachable(self._base_url, error, key) from None
        if key is not None:
            body = key.mask_bytes(body)
        if is_success:
            return body
        raise self._error_of(response, body, key)

    @property
    def _address(self) -> str:
        return redact_url(self._base_url)

    def _error_of(self, response: httpx.Response, body: bytes, key: ApiKey | None) -> Exception:
        status = response.status_code
        message, code = error_of(body)
        if key is not None:
            message, code = key.mask(message), key.mask(code)
        if response.has_redirect_location:
            return ModelProtocolError(
                f"{self._address} redirects to another address, which is not followed: "
                "correct the URL"
            )
        text = f"HTTP {status} from {self._address}" + (f": {message}" if message else "")
        if status == httpx.codes.TOO_MANY_REQUESTS:
            retry_after_s = retry_after(response.headers, time.time())
            if code in _QUOTA_CODES:
                return ModelRefusedError(text, status, code)
            return _RetryableError(ModelRateLimitedError(text, retry_after_s), retry_after_s)
        if status in _RETRIED or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return _RetryableError(
                ModelUnavailableError(text), retry_after(response.headers, time.time())
            )
        return ModelRefusedError(text, status, code)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how many seconds the server asks to wait; None if it does not say, or not clearly.

    Args:
        headers: headers of the response, by names in lower case.
        now: Unix seconds.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1_000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


async def _read(response: httpx.Response, limit: int) -> bytes:
    """Read a body, decompressed, up to a limit."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            if response.is_success:
                raise ModelProtocolError(f"the response is larger than {limit:,} bytes")
            break
    return bytes(body)


def _unreachable(base_url: str, error: Exception, key: ApiKey | None) -> _RetryableError:
    reason = first_line(f"{type(error).__name__}: {error}".rstrip(": "))
    if key is not None:
        reason = key.mask(reason)
    text = f"{redact_url(base_url)} cannot be reached ({redact_url(reason)})"
    return _RetryableError(ModelUnavailableError(text))
