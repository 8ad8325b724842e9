"""What a setting may be: how its text is read, and what is said about one that cannot be."""

import dataclasses
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

T = TypeVar("T")

_SCHEMES: Final = frozenset({"nats", "tls", "ws", "wss"})
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_GROUP: Final = re.compile(r"[!-)+-=?-~]+")
"""What is printed, without spaces and wildcards."""
_BUCKET: Final = re.compile(r"[-_a-zA-Z0-9]+")
_KEY: Final = re.compile(r"[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a value of this kind is, in words for whoever gave another one."""

    text: str


def split(text: str) -> tuple[str, ...]:
    """Return the parts of a list written with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _reject_bool(value: object) -> object:
    """Refuse true and false where a number is wanted; Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _listed(value: object) -> object:
    return split(value) if isinstance(value, str) else value


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _known_level(level: str) -> str:
    if level not in _LEVELS:
        raise ValueError("no such level")
    return level


def _validate_url(server: str) -> str:
    """Refuse what cannot be the address of a NATS server."""
    addresses = split(server)
    if not addresses:
        raise ValueError("no address")
    for address in addresses:
        parts = urlsplit(address if "://" in address else f"nats://{address}")
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError("not the address of a NATS server")
        _ = parts.port  # raises ValueError
    return server


def _of_the_form(form: re.Pattern[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError("not of the form")
        return text

    return check


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _plain_token(text: str) -> str:
    if not text or any(not part.isascii() or not part.strip() for part in text.split(".")):
        raise ValueError("not a subject")
    if any(sign in text for sign in "*> \t"):
        raise ValueError("not a subject without wildcards")
    return text


Text = Annotated[str, BeforeValidator(_stripped), Expected("text")]
Name = Annotated[
    str, BeforeValidator(_stripped), AfterValidator(_not_empty), Expected("a name, not empty")
]
Group = Annotated[
    str,
    BeforeValidator(_stripped),
    AfterValidator(_of_the_form(_GROUP)),
    Expected("a name without spaces and wildcards, not empty"),
]
Bucket = Annotated[
    str,
    BeforeValidator(_stripped),
    AfterValidator(_of_the_form(_BUCKET)),
    Expected("the name of a bucket: letters, digits, - and _"),
]
Key = Annotated[
    str,
    BeforeValidator(_stripped),
    AfterValidator(_of_the_form(_KEY)),
    Expected("letters, digits and - / _ = with single dots between them"),
]
Path = Annotated[str, BeforeValidator(_stripped), Expected("the path of a file")]
Secret = Annotated[SecretStr, Expected("text")]
Modules = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_listed), Expected("names of modules, with commas")
]
Server = Annotated[
    str,
    BeforeValidator(_stripped),
    AfterValidator(_validate_url),
    Expected("nats://host:4222, several with commas"),
]
Subject = Annotated[str, AfterValidator(_plain_token), Expected("a subject without wildcards")]
LogLevel = Annotated[
    str,
    BeforeValidator(_upper),
    AfterValidator(_known_level),
    Expected("DEBUG, INFO, WARNING or ERROR"),
]
Seconds = Annotated[
    float,
    BeforeValidator(_reject_bool),
    Field(gt=0, allow_inf_nan=False),
    Expected("a number of seconds above 0"),
]
SecondsOrNone = Annotated[
    float,
    BeforeValidator(_reject_bool),
    Field(ge=0, allow_inf_nan=False),
    Expected("a number of seconds, 0 or more"),
]
Count = Annotated[
    int, BeforeValidator(_reject_bool), Field(gt=0), Expected("a whole number above 0")
]
CountOrNone = Annotated[
    int, BeforeValidator(_reject_bool), Field(ge=0), Expected("a whole number, 0 or more")
]
Replicas = Annotated[
    int,
    BeforeValidator(_reject_bool),
    Field(ge=1, le=5),
    Expected("a whole number from 1 to 5"),
]
Flag = Annotated[bool, BeforeValidator(_stripped), Expected("true or false")]


def setting(default: object, variable: str, meaning: str) -> Any:
    """Describe a field of the settings.

    Args:
        default: taken when nobody says otherwise.
        variable: its environment variable.
        meaning: one line for `--help` and the documentation.
    """
    return Field(default=default, validation_alias=variable, description=meaning)
