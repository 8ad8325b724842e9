"""Types of settings: parsing, validation, and what error messages name as expected."""

import dataclasses
import pathlib
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from pulse_desktop.model.connection_options import DEFINITIONS
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.text.translation import _, translate

T = TypeVar("T")

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_GROUP: Final = re.compile(r"[!-)+-=?-~]{1,250}")
"""Printable ASCII without spaces and wildcards; a server closes the connection at a long line."""
_BUCKET: Final = re.compile(r"[-_a-zA-Z0-9]{1,250}")
MAX_SUBJECT: Final = 1_000
_KEY: Final = re.compile(r"(?=.{1,1000}$)[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class Expected:
    """Description of accepted values of a setting, for error messages."""

    text: str


def split_list(text: str) -> tuple[str, ...]:
    """Return the items of a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _reject_bool(value: object) -> object:
    """Reject true and false where a number is expected: in Python they are 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _split_if_text(value: object) -> object:
    return split_list(value) if isinstance(value, str) else value


def _strip(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _to_upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _validate_level(level: str) -> str:
    if level not in _LEVELS:
        raise ValueError("unknown log level")
    return level


def _validate_url(server: str) -> str:
    """Reject anything that cannot be the URL of a NATS server."""
    try:
        parse_server(server)
    except CannotConnectError as error:
        raise ValueError(error.detail) from None
    return server


def _full_match(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def validate(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError("invalid characters")
        return text

    return validate


def _validate_not_empty(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _validate_absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Reject relative paths: they would depend on where the worker was started."""
    if not all(pathlib.Path(path).is_absolute() for path in paths):
        raise ValueError("a relative path")
    return paths


def _validate_subject(text: str) -> str:
    if len(text) > MAX_SUBJECT:
        raise ValueError("too long")
    if not text or any(not part.isascii() or not part.strip() for part in text.split(".")):
        raise ValueError("not a subject")
    if any(character in text for character in "*> \t"):
        raise ValueError("a subject with wildcards")
    return text


Text = Annotated[str, BeforeValidator(_strip), Expected(_("text"))]
Name = Annotated[
    str,
    BeforeValidator(_strip),
    AfterValidator(_validate_not_empty),
    Expected(_("a name, not empty")),
]
Group = Annotated[
    str,
    BeforeValidator(_strip),
    AfterValidator(_full_match(_GROUP)),
    Expected(_("a name without spaces and wildcards, not empty")),
]
Bucket = Annotated[
    str,
    BeforeValidator(_strip),
    AfterValidator(_full_match(_BUCKET)),
    Expected(_("the name of a bucket: letters, digits, - and _")),
]
Key = Annotated[
    str,
    BeforeValidator(_strip),
    AfterValidator(_full_match(_KEY)),
    Expected(_("letters, digits and - / _ =, separated by single dots")),
]
Path = Annotated[str, BeforeValidator(_strip), Expected(_("the path to a file"))]
Secret = Annotated[SecretStr, Expected(_("text"))]
Modules = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_split_if_text),
    Expected(_("module names, separated by commas")),
]
Folders = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_split_if_text),
    AfterValidator(_validate_absolute),
    Expected(_("absolute paths of folders, separated by commas")),
]
ChatIds = Annotated[
    tuple[int, ...],
    NoDecode,
    BeforeValidator(_split_if_text),
    Expected(_("ids of chats, such as -1001234567890, separated by commas")),
]
Server = Annotated[
    str,
    BeforeValidator(_strip),
    AfterValidator(_validate_url),
    Expected(_("nats://host:4222, or several URLs separated by commas")),
]
Subject = Annotated[
    str, AfterValidator(_validate_subject), Expected(_("a subject without wildcards"))
]
LogLevel = Annotated[
    str,
    BeforeValidator(_to_upper),
    AfterValidator(_validate_level),
    Expected(_("DEBUG, INFO, WARNING or ERROR")),
]
Seconds = Annotated[
    float,
    BeforeValidator(_reject_bool),
    Field(gt=0, allow_inf_nan=False),
    Expected(_("a number of seconds above 0")),
]
SecondsOrZero = Annotated[
    float,
    BeforeValidator(_reject_bool),
    Field(ge=0, allow_inf_nan=False),
    Expected(_("a number of seconds, 0 or more")),
]
Count = Annotated[
    int, BeforeValidator(_reject_bool), Field(gt=0), Expected(_("a whole number above 0"))
]
CountOrZero = Annotated[
    int, BeforeValidator(_reject_bool), Field(ge=0), Expected(_("a whole number, 0 or more"))
]
Replicas = Annotated[
    int,
    BeforeValidator(_reject_bool),
    Field(ge=1, le=5),
    Expected(_("a whole number from 1 to 5")),
]
Flag = Annotated[bool, BeforeValidator(_strip), Expected(_("true or false"))]


def connection_setting(name: str, default: object = "") -> Any:
    """Declare a setting that is an option of the connection, by the name of its field there."""
    variable, description = DEFINITIONS[name]
    return setting(default, variable, translate(description))


def setting(default: object, variable: str, description: str) -> Any:
    """Declare a setting.

    Args:
        default: the value when it is not set.
        variable: its environment variable.
        description: one line for `--help` and the documentation.
    """
    return Field(default=default, validation_alias=variable, description=description)
