"""HTTP requests to a model server: deadlines, limits of size, retries, errors without secrets."""

import asyncio
import email.utils
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

import httpx
import msgspec

from pulse_desktop.model.redaction import redact, redact_url
from pulse_workers.chat.http_client import ResponseBodyError, make_http_client, read_body
from pulse_workers.chat.providers.http.api_key import ApiKey, KeySource
from pulse_workers.chat.providers.http.circuit_breaker import CircuitBreaker
from pulse_workers.chat.providers.http.limits import SharedLimits
from pulse_workers.chat.providers.http.wire_format import error_of, first_line
from pulse_workers.chat.providers.model_errors import (
    ModelError,
    ModelProtocolError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
    TemporaryModelError,
)
from pulse_workers.chat.providers.provider import Usage
from pulse_workers.errors import SettingsError

MAX_ATTEMPTS: Final = 4
MAX_RETRY_WAIT_S: Final = 60.0
"""A longer `Retry-After` is left to the caller: a fallback, or a retry of the task."""
_FIRST_BACKOFF_S: Final = 0.5
_MAX_BACKOFF_S: Final = 8.0
MAX_RESPONSE: Final = 8 << 20
MAX_ERROR_RESPONSE: Final = 64 << 10
_RETRIED: Final = frozenset({408, 409, 429})
_QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes of a 429 that no waiting ends."""


class _HasUsage(Protocol):
    @property
    def usage(self) -> Usage: ...


R = TypeVar("R", bound=_HasUsage)


class Transport:
    """Makes requests below one base URL."""

    def __init__(
        self,
        base_url: str,
        key: KeySource | None,
        limits: SharedLimits,
        *,
        timeout_s: float,
        breaker: CircuitBreaker | None = None,
        max_attempts: int = MAX_ATTEMPTS,
        first_backoff_s: float = _FIRST_BACKOFF_S,
    ) -> None:
        """Prepare requests.

        Args:
            base_url: address of the server, without a login.
            key: where the API key is kept, None if the server needs none.
            limits: limits that all processes share.
            timeout_s: limit of one attempt, from connecting to the last byte.
            breaker: the circuit breaker, None for one with the usual limits.
            max_attempts: attempts of one request.
            first_backoff_s: wait before the second attempt; it doubles.
        """
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._limits = limits
        self._breaker = breaker or CircuitBreaker()
        self._timeout_s = timeout_s
        self._max_attempts = max_attempts
        self._first_backoff_s = first_backoff_s
        self._client = make_http_client()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, *, timeout_s: float | None = None) -> bytes:
        """Make one GET request, without retries and limits: for checks.

        Raises:
            ModelError: it failed.
        """
        return await self._request("GET", path, None, timeout_s or self._timeout_s)

    async def post(
        self,
        path: str,
        payload: Mapping[str, Any],
        decode: Callable[[bytes], R],
        reserved: Usage,
        *,
        timeout_s: float | None = None,
    ) -> R:
        """Make a POST request within the limits, with retries, and decode the response.

        Args:
            path: path below the base URL.
            payload: body, encoded as JSON.
            decode: decodes the body of the response.
            reserved: what the request may use at most.
            timeout_s: limit of one attempt, None for the usual one.

        Raises:
            ModelError: it failed.
        """
        attempt = 1
        while True:
            try:
                return await self._attempt(path, payload, decode, reserved, timeout_s)
            except TemporaryModelError as error:
                wait_s = self._backoff_s(attempt)
                if error.retry_after_s is not None:
                    wait_s = error.retry_after_s * random.uniform(1.0, 1.1)  # noqa: S311
                is_last = attempt == self._max_attempts or wait_s > MAX_RETRY_WAIT_S
                if is_last or not error.is_retryable:
                    raise
            attempt += 1
            await asyncio.sleep(wait_s)

    async def _attempt(
        self,
        path: str,
        payload: Mapping[str, Any],
        decode: Callable[[bytes], R],
        reserved: Usage,
        timeout_s: float | None,
    ) -> R:
        limit_s = timeout_s or self._timeout_s
        tokens = reserved.tokens_in + reserved.tokens_out
        self._breaker.check()  # before capacity of other requests is reserved
        async with self._limits.permit(tokens, reserved.cost_usd, limit_s) as permit:
            try:
                with self._breaker.attempt():
                    body = await self._request("POST", path, payload, limit_s)
            except ModelError as error:
                if error.usage.cost_usd is not None:  # not answered: nothing was used
                    permit.tokens, permit.cost = 0, 0.0
                if isinstance(error, ModelRateLimitedError) and error.retry_after_s:
                    await self._limits.block(error.retry_after_s)
                raise
            result = decode(body)
            usage = result.usage
            permit.tokens = usage.tokens_in + usage.tokens_out
            if usage.cost_usd is not None:  # else the reserved price counts
                permit.cost = usage.cost_usd
            return result

    def _backoff_s(self, attempt: int) -> float:
        longest = min(self._first_backoff_s * 2.0 ** (attempt - 1), _MAX_BACKOFF_S)
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads retries

    async def _request(
        self, method: str, path: str, payload: Mapping[str, Any] | None, limit_s: float
    ) -> bytes:
        """Make one request and return the body of a successful response, without the key."""
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
                limit = MAX_RESPONSE if is_success else MAX_ERROR_RESPONSE
                body = await read_body(response, limit)
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise _unreachable(self._base_url, error, key) from None
            text = f"{self._address} did not answer within {limit_s:g} s"
            raise ModelUnavailableError(text, Usage()) from None
        except ResponseBodyError as error:
            raise ModelProtocolError(str(error), Usage()) from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise _unreachable(self._base_url, error, key) from None
        if key is not None:
            body = key.mask_response(body)
        if is_success:
            return body
        raise self._error_of(response, body, key)

    @property
    def _address(self) -> str:
        return redact_url(self._base_url)

    def _error_of(self, response: httpx.Response, body: bytes, key: ApiKey | None) -> ModelError:
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
            return ModelRateLimitedError(text, retry_after_s=retry_after_s, is_retryable=True)
        if status in _RETRIED or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            retry_after_s = retry_after(response.headers, time.time())
            return ModelUnavailableError(text, retry_after_s=retry_after_s, is_retryable=True)
        return ModelRefusedError(text, status, code)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how many seconds the server asks to wait; None if it does not say, or not clearly.

    Args:
        headers: headers of the response, by names in lower case.
        now: Unix seconds.
    """
    milliseconds = _non_negative(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1_000
    text = headers.get("retry-after")
    seconds = _non_negative(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _non_negative(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _unreachable(base_url: str, error: Exception, key: ApiKey | None) -> ModelUnavailableError:
    reason = f"{type(error).__name__}: {error}".rstrip(": ")
    if key is not None:
        reason = key.mask(reason)  # before it is shortened: a part of the key is not recognized
    text = f"{redact_url(base_url)} cannot be reached ({redact(first_line(reason))})"
    return ModelUnavailableError(text, is_retryable=True)
