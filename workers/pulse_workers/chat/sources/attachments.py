"""Text attachments: logs, tables and configuration files, gzip-compressed ones included.

A file that cannot be read is reported as an error, not read as an empty text.
"""

import gzip
import io
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from pulse_desktop.resources import resource_path
from pulse_workers.chat.records import Attachment
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.errors import (
    AttachmentMissingError,
    AttachmentUnreadableError,
    PathNotAllowedError,
)

MAX_BYTES: Final = 4 << 20
SAMPLE: Final = "sample"

_TEXT_SUFFIXES: Final = (
    *(".txt", ".log", ".md", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".toml"),
    *(".ini", ".conf", ".env", ".sql", ".py", ".sh", ".go", ".js", ".ts", ".rs", ".java"),
    *(".kt", ".html", ".xml", ".diff", ".patch"),
)
_GZIP: Final = ".gz"


def is_readable_text(attachment: Attachment) -> bool:
    """Return whether an attachment is a text file, by its name or MIME type."""
    if not attachment.path:
        return False
    path = PurePosixPath(attachment.path.lower())
    suffix = path.suffix
    if suffix == _GZIP:
        suffix = PurePosixPath(path.stem).suffix
    return suffix in _TEXT_SUFFIXES or attachment.mime_type.startswith("text/")


def read_attachment(attachment: Attachment, source: str, folders: AllowedFolders) -> str:
    """Return the text of an attachment.

    Args:
        attachment: an attachment with `is_readable_text`.
        source: folder of the export, or `sample`.
        folders: where exports may be.

    Raises:
        AttachmentMissingError: the file does not exist.
        AttachmentUnreadableError: the file is damaged, binary, too large, or outside the export.
    """
    folder = resource_path("sample") if source == SAMPLE else Path(source)
    try:
        path = folders.resolve(folder / attachment.path)
        if not path.is_relative_to(folders.resolve(folder)):
            raise AttachmentUnreadableError(f"{attachment.path}: outside the export")
        with folders.open(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except PathNotAllowedError as error:
        raise AttachmentUnreadableError(f"{attachment.path}: {error}") from None
    except FileNotFoundError:
        raise AttachmentMissingError(f"{attachment.path}: no such file in the export") from None
    except OSError as error:
        raise AttachmentUnreadableError(f"{attachment.path}: {error.strerror}") from error
    if path.suffix.lower() == _GZIP:
        raw = _decompress(raw, attachment.path)
    if len(raw) > MAX_BYTES:
        raise AttachmentUnreadableError(f"{attachment.path}: larger than {MAX_BYTES >> 20} MiB")
    text = _decode(raw, attachment.path)
    if path.suffix.lower() == ".json":
        _validate_json(text, attachment.path)
    return text


def _decompress(raw: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            return file.read(MAX_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise AttachmentUnreadableError(f"{name}: damaged gzip file ({error})") from error


def _validate_json(text: str, name: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise AttachmentUnreadableError(f"{name}: not valid JSON ({error})") from error


def _decode(raw: bytes, name: str) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise AttachmentUnreadableError(
            f"{name}: not {encoding.removesuffix('-sig').upper()} text: {error.reason} "
            f"(byte 0x{raw[error.start]:02x} at position {error.start})"
        ) from error
    if "\0" in text:
        raise AttachmentUnreadableError(f"{name}: binary, not text (zero byte)")
    return text
