"""Redaction: addresses and texts with passwords, tokens and keys masked."""

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

# Every pattern takes a few steps per character, however the text is made: a search begins only at a
# word, and takes back nothing that it has passed.
_WORD_WITH_AT: Final = re.compile(r"(?<![^\s,\"'<>])[^\s@,\"'<>]*+@[^\s,\"'<>]*+")
_ADDRESS_WITH_AT: Final = re.compile(r"(?<![^\s,])[^\s@,]*+@[^\s,]*+")
_SCHEME: Final = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*+://")
_SEGMENT: Final = re.compile(r"([^/@]*+)([/@]?+)")
_LOGIN_IN_TEXT: Final = re.compile(r"(?<![^;=()\[\]])[^;:=()\[\]]++:(?=.)", re.DOTALL)
"""Start of `user:secret` in a segment of a word."""
_LOGIN_IN_ADDRESS: Final = re.compile(r".", re.DOTALL)
_REST_OF_WORD: Final = re.compile(r"[^\s,\"'<>]*+")
_WEBSOCKET_PATH: Final = re.compile(
    r"(?<![A-Za-z0-9+.-])(wss?://[^\s/,\"'<>]++)/[^\s,\"'<>]++", re.IGNORECASE
)
"""A proxy in front of the server may expect a secret in the path or query."""

_SENSITIVE_NAME: Final = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access|private|secret)[_-]?key"
    r"|credentials?|creds|authorization|otp|x-amz-signature)"
)
_HUMP: Final = r"(?-i:(?<=[a-z0-9])(?=[A-Z]))"
"""Where a word begins in a name such as `accessToken`."""
_START_OF_NAME: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""The n of an escaped \\n before a name is no part of it."""
_END_OF_WORD: Final = (
    r"(?:passw(?:or)?d|passphrase|(?:api|access|private|secret)[_-]?key|credentials?"
    r"|(?:access|auth|bearer|refresh|session)token|(?-i:SECRET|TOKEN))"
)
"""Names that are secrets at the end of a longer word as well: `PGPASSWORD`, `AWSSECRETKEY`."""
_NAMED_SECRET: Final = re.compile(
    rf"(?P<name>(?:(?:{_START_OF_NAME}(?:[A-Za-z0-9]{{1,40}}[_-]){{0,5}}|{_HUMP}){_SENSITIVE_NAME}"
    rf"|{_END_OF_WORD})"
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
_BEARER: Final = re.compile(r"\b(bearer|basic)\s{1,3}[A-Za-z0-9._~+/=-]{8,}+", re.IGNORECASE)
_KNOWN_KEY: Final = re.compile(
    r"\b(?:sk-|gh[pousr]_|github_pat_|hf_|npm_|xox[abprs]-|AKIA|AIza|glpat-|SU|SA|SO|eyJ)"
    r"[A-Za-z0-9_.-]{16,}+"
    r"|(?<!\d)\d{6,12}:AA[A-Za-z0-9_-]{30,}+"
    r"|(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{8,}+"
)
"""Keys of well-known services, seeds of nkeys, JSON web tokens, tokens of Telegram bots."""
_OPTION: Final = re.compile(
    rf"(?P<name>(?<!\S)(?:--(?:[a-z0-9]{{1,40}}-){{0,5}}{_SENSITIVE_NAME}[ \t]{{1,3}}"
    r"|-u[ \t]{1,3}[^\s:\"']{1,100}:))[^\s\"'-][^\s\"']*+",
    re.IGNORECASE,
)
"""A secret in a command line: `--password …`, `curl -u user:…`."""
_SECRET_FIELD: Final = re.compile(
    rf"(?:^|[^a-z0-9]|{_HUMP}){_SENSITIVE_NAME}$|^{_SENSITIVE_NAME}(?:[^a-z0-9]|{_HUMP}|$)"
    rf"|{_END_OF_WORD}$",
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
"""Characters of the longest key that is recognized where a text is cut."""
_SEPARATORS: Final = tuple(" \t\r\n,\"'<>")
"""Characters that no login contains."""


def redact_url(address: str) -> str:
    """Mask the credentials in an address; for a text there is `redact`.

    `nats://user:secret@host:4222` becomes `nats://user:***@host:4222`, and `token@host` `***@host`.
    """
    return _WEBSOCKET_PATH.sub(
        r"\1/***",
        _ADDRESS_WITH_AT.sub(lambda word: _mask_logins(word[0], _LOGIN_IN_ADDRESS), address),
    )


def redact(text: str) -> str:
    """Mask the credentials of the addresses in a text for people.

    Unlike `redact_url` it keeps names with an @, such as `worker-1@host` or mail addresses: without
    a scheme only `user:secret@` counts as a login.
    """
    if "@" in text:
        text = _WORD_WITH_AT.sub(lambda word: _mask_logins(word[0], _LOGIN_IN_TEXT), text)
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
    if (rest := _REST_OF_WORD.match(text, len(window))) and "@" in rest[0]:
        window += "@"  # a login that ends behind the window
    masked = redact(window)
    return masked[: max(0, length - max(0, len(window) - len(masked)))]


def redacted_end(text: str, length: int, redact: Callable[[str], str] = redact) -> str:
    """Return the end of a text, masked before it is cut; see `redacted_start`."""
    window = text[-length - MARGIN :]
    if len(window) < len(text):
        start = min((at for at in map(window.find, _SEPARATORS) if 0 <= at < MARGIN), default=-1)
        if start >= 0:
            window = window[start:]
        else:
            window = _start_of_login(text[: len(text) - len(window)]) + window
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
    if text.isalnum():  # an id or a word: everything else has other characters
        return _KNOWN_KEY.sub("***", text)
    text = _NAMED_SECRET.sub(r"\g<name>***", redact(text))
    if "-" in text:
        text = _OPTION.sub(r"\g<name>***", text)
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


def _mask_logins(word: str, start_of_login: re.Pattern[str]) -> str:
    """Mask the logins in a word: after a scheme up to the last @, before it segment by segment.

    Tokens in base64 contain slashes, so a login after a scheme has no other end.

    Args:
        word: without white space, with an @.
        start_of_login: matches where a login begins, in a segment that ends with an @.
    """
    end = word.rfind("@")
    scheme = next((each for each in _SCHEME.finditer(word, 0, end) if each.end() < end), None)
    masked = []
    for segment in _SEGMENT.finditer(word, 0, scheme.start() if scheme else end + 1):
        login = segment[2] == "@" and start_of_login.search(word, *segment.span(1))
        if login:
            before = word[segment.start() : login.start()]
            masked.append(f"{before}{_masked_login(word[login.start() : segment.end(1)])}@")
        else:
            masked.append(segment[0])
    if scheme:
        masked.append(f"{scheme[0]}{_masked_login(word[scheme.end() : end])}@")
    return "".join(masked) + word[end + 1 :]


def _masked_login(login: str) -> str:
    user, colon, _secret = login.partition(":")
    return f"{user}:***" if colon else "***"


def _start_of_login(before: str) -> str:
    """Return what makes the end of a login recognizable whose beginning was cut off."""
    word = before[1 + max(map(before.rfind, _SEPARATORS)) :]
    return "x://" if "://" in word else "x:" if ":" in word else ""
