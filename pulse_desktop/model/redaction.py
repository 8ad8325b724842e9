"""Redaction: addresses and texts with passwords, tokens and keys masked."""

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

# After a scheme a login extends to the last @: tokens in base64 contain slashes. Matches begin at a
# word and backtrack a limited distance, or a long text would take quadratic time.
_LOGIN_OF_URL: Final = (
    r"(?<![A-Za-z0-9+.-])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*+://)(?P<login>[^\s,\"'<>]{1,4096})@"
)
_CREDENTIALS: Final = re.compile(_LOGIN_OF_URL + r"|(?<![^/@\s,])(?P<bare>[^/@\s,]++)@")
_CREDENTIALS_IN_TEXT: Final = re.compile(
    _LOGIN_OF_URL
    + r"|(?<![^\s,;=\"'<>()\[\]])(?P<bare>[^/@\s,;:=\"'<>()\[\]]++:[^/@\s,\"'<>]{1,4096})@"
)
_WEBSOCKET_PATH: Final = re.compile(
    r"(?<![A-Za-z0-9+.-])(wss?://[^\s/,\"'<>]{1,4096})/[^\s,\"'<>]+", re.IGNORECASE
)
"""A proxy in front of the server may expect a secret in the path or query."""

_SENSITIVE_NAME: Final = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?|authorization)"
)
_HUMP: Final = r"(?-i:(?<=[a-z0-9])(?=[A-Z]))"
"""Where a word begins in a name such as `accessToken`."""
_START_OF_NAME: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""The n of an escaped \\n before a name is no part of it."""
_NAMED_SECRET: Final = re.compile(
    rf"(?P<name>(?:{_START_OF_NAME}(?:[A-Za-z0-9]{{1,40}}[_-]){{0,5}}|{_HUMP}){_SENSITIVE_NAME}"
    r"\\{0,15}[\"']?\s{0,3}[:=]\s{0,3}"
    r"(?:(?:bearer|basic|(?P<digest>digest)|token|negotiate|ntlm|apikey)\s{1,3}(?![,;&]))?)"
    r"(?P<value>(?(digest)[^\r\n]++|(?!))|b?\"(?:[^\"\\]++|\\.)++\"?|b?'(?:[^'\\]++|\\.)++'?"
    r"|(?P<escaped>\\{1,15}[\"']).*?(?:(?<!\\)(?P=escaped)|\Z)"
    r"|[^\s,;&\"'<>(){}\[\]]++)",
    re.IGNORECASE | re.DOTALL,
)
"""A value whose closing quote is missing extends to the end: the text was cut there. JSON in JSON
has quotes that are escaped, once or more often. The fields of a digest extend to the end of their
line.
"""
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|.*)",
    re.DOTALL,
)
_BEARER: Final = re.compile(r"\b(bearer|basic)\s{1,3}[A-Za-z0-9._~+/=-]{8,4096}", re.IGNORECASE)
_KNOWN_KEY: Final = re.compile(
    r"\b(?:sk-|gh[pousr]_|github_pat_|xox[abprs]-|AKIA|AIza|glpat-|SU|SA|SO|eyJ)"
    r"[A-Za-z0-9_.-]{16,4096}"
)
"""Keys of well-known services, seeds of nkeys, JSON web tokens."""
_SECRET_FIELD: Final = re.compile(
    rf"(?:^|[^a-z0-9]|{_HUMP}){_SENSITIVE_NAME}$|^{_SENSITIVE_NAME}(?:[^a-z0-9]|{_HUMP}|$)",
    re.IGNORECASE,
)
"""Name of a field that holds a secret. `tokens_in` is a count, `token` and `bot_token` are none."""
_SECRET_VARIABLE: Final = re.compile(
    rf"(?:^|_){_SENSITIVE_NAME}(?:_|$)|(?:^|_)key(?:_|$)", re.IGNORECASE
)
_MIN_SECRET: Final = 6
"""Shorter values of variables are not masked: they would hide ordinary words."""
_MIN_ANYWHERE: Final = 8
"""A shorter known secret may be a word, such as `nats`: it is not masked inside of names."""
_MAX_FIELD_NAME: Final = 200
MARGIN: Final = 4_200
"""Characters of the longest login or key that is recognized, with its scheme."""
_SEPARATORS: Final = tuple(" \t\r\n,\"'<>")
"""Characters that no login contains."""


def redact_url(address: str) -> str:
    """Mask the credentials in an address; for a text there is `redact`.

    `nats://user:secret@host:4222` becomes `nats://user:***@host:4222`, and `token@host` `***@host`.
    """
    return _WEBSOCKET_PATH.sub(r"\1/***", _CREDENTIALS.sub(_mask, address))


def redact(text: str) -> str:
    """Mask the credentials of the addresses in a text for people.

    Unlike `redact_url` it keeps names with an @, such as `worker-1@host` or mail addresses: without
    a scheme only `user:secret@` counts as a login.
    """
    if "@" in text:  # else every scheme would be searched for a login, far ahead
        text = _CREDENTIALS_IN_TEXT.sub(_mask, text)
    return _WEBSOCKET_PATH.sub(r"\1/***", text)


def redacted_start(text: str, length: int, redact: Callable[[str], str] = redact) -> str:
    """Return the beginning of a text, masked before it is cut: part of a login is not recognized.

    Args:
        text: any text; only its beginning is searched, which limits the time for a long one.
        length: maximum number of characters.
        redact: masks a text.
    """
    window = text[: length + MARGIN]
    if len(window) == len(text):
        return redact(text)[:length]
    # Masking moves what follows forward: a login that ends behind the window must not be in it.
    end = max(map(window.rfind, _SEPARATORS))
    if end >= length:
        return redact(window[:end])[:length]
    masked = redact(window)  # one word behind the limit, which is too long for a login
    return masked[: max(0, length - max(0, len(window) - len(masked)))]


def redacted_end(text: str, length: int, redact: Callable[[str], str] = redact) -> str:
    """Return the end of a text, masked before it is cut; see `redacted_start`."""
    window = text[-length - MARGIN :]
    if len(window) < len(text):
        start = min((at for at in map(window.find, _SEPARATORS) if 0 <= at < MARGIN), default=-1)
        if start >= 0:
            window = window[start:]
        else:
            length -= max(0, len(window) - len(redact(window)))
    masked = redact(window)
    return masked[max(0, len(masked) - max(0, length)) :]


def redacted_ends(text: str, length: int, redact: Callable[[str], str] = redact) -> str:
    """Return a text, masked; of a longer one the beginning and the end; see `redacted_start`."""
    if len(text) <= length:
        return redact(text)
    half = length // 2
    start, end = redacted_start(text, half, redact), redacted_end(text, half, redact)
    return f"{start}\n… {len(text) - 2 * half} characters omitted …\n{end}"


def redact_secrets(text: str, known: tuple[str, ...] = ()) -> str:
    """Mask what looks like a secret in a text that leaves its process: a log line of a task.

    In addition to the credentials of addresses these are `password=…` and the like, bearer tokens,
    and keys in the form of well-known services.

    Args:
        text: any text.
        known: secrets to mask wherever they are, longest first.
    """
    text = redact_known(text, known)
    text = _NAMED_SECRET.sub(r"\g<name>***", redact(text))
    return _KNOWN_KEY.sub("***", _BEARER.sub(r"\1 ***", text))


def is_secret_name(name: str) -> bool:
    """Return whether the name of a field promises a secret, such as `password` or `api_key`."""
    return len(name) <= _MAX_FIELD_NAME and _SECRET_FIELD.search(name) is not None


def redact_known(text: str, known: tuple[str, ...]) -> str:
    """Mask known secrets and private keys, which may have any number of lines.

    Fast enough for a whole text before it is shortened: part of a secret is not recognized. One of
    less than 8 characters is masked as a whole word only: `pulse` stays in `pulse_messages` and
    `pulse.control`, and `nats` in `nats://host`.

    Args:
        text: any text.
        known: secrets to mask, longest first.
    """
    for secret in known:
        if secret in text:
            if len(secret) < _MIN_ANYWHERE:
                text = _whole_word(secret).sub("***", text)
            else:
                text = text.replace(secret, "***")
    return _PRIVATE_KEY.sub("***", text)


def secret_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the forms that secrets have in texts, longest first.

    A secret is also written without the line break at its end, and escaped, as `repr` and JSON do
    with the lines of a key.
    """
    forms: set[str] = set()
    for secret in secrets:
        for form in (secret, secret.strip()):
            forms |= {form, repr(form)[1:-1], json.dumps(form)[1:-1]}
    return tuple(sorted(filter(None, forms), key=len, reverse=True))


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of the variables whose names promise a secret, longest first."""
    found = {
        value
        for name, value in environment.items()
        if len(value) >= _MIN_SECRET and _SECRET_VARIABLE.search(name) and "/" not in value[:1]
    }
    return tuple(sorted(found, key=len, reverse=True))


@functools.lru_cache
def _whole_word(secret: str) -> re.Pattern[str]:
    r"""Return a pattern of a word; the n of an escaped \n before it is no part of the word."""
    start = r"(?:(?<!\w)(?<!\w[.-])|(?<=\\[nrt]))" if re.match(r"\w", secret) else ""
    end = r"(?!\w|[.-]\w|://)" if re.search(r"\w\Z", secret) else ""
    return re.compile(start + re.escape(secret) + end)


def _mask(match: re.Match[str]) -> str:
    user, colon, _secret = (match["login"] or match["bare"]).partition(":")
    login = f"{user}:***" if colon else "***"
    return f"{match['scheme'] or ''}{login}@"
