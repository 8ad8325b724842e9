"""Reading text attachments: logs, tables, configuration, also packed ones.

A file that cannot be read is a failure worth telling, not an empty text.
"""

import gzip
import io
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from pulse_desktop.resources import resource_path
from pulse_workers.chat.records import Attachment
from pulse_workers.errors import AttachmentMissingError, AttachmentUnreadableError

MAX_BYTES: Final = 4 << 20
SAMPLE: Final = "sample"

_TEXT_SUFFIXES: Final = (
    *(".txt", ".log", ".md", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".toml"),
    *(".ini", ".conf", ".env", ".sql", ".py", ".sh", ".go", ".js", ".ts", ".rs", ".java"),
    *(".kt", ".html", ".xml", ".diff", ".patch"),
)
_PACKED: Final = ".gz"


def is_readable_text(attachment: Attachment) -> bool:
    """Tell whether an attachment is a text that should be read."""
    if not attachment.path:
        return False
    path = PurePosixPath(attachment.path.lower())
    suffix = path.suffix
    if suffix == _PACKED:
        suffix = PurePosixPath(path.stem).suffix
    return suffix in _TEXT_SUFFIXES or attachment.mime_type.startswith("text/")


def read_attachment(attachment: Attachment, source: str) -> str:
    """Return an attachment's text.

    Args:
        attachment: a readable one.
        source: the export's folder, or `sample`.

    Raises:
        AttachmentMissingError: the file is not there.
        AttachmentUnreadableError: it is damaged, not text, too large, or outside the export.
    """
    folder = resource_path("sample") if source == SAMPLE else Path(source)
    path = (folder / attachment.path).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise AttachmentUnreadableError(f"{attachment.path}: lies outside the export")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise AttachmentMissingError(f"{attachment.path}: no such file in the export") from None
    except OSError as error:
        raise AttachmentUnreadableError(f"{attachment.path}: {error.strerror}") from error
    if path.suffix.lower() == _PACKED:
        raw = _unpacked(raw, attachment.path)
    if len(raw) > MAX_BYTES:
        raise AttachmentUnreadableError(f"{attachment.path}: larger than {MAX_BYTES >> 20} MiB")
    text = _decoded(raw, attachment.path)
    if path.suffix.lower() == ".json":
        _check_json(text, attachment.path)
    return text


def _unpacked(raw: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            return file.read(MAX_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise AttachmentUnreadableError(f"{name}: damaged gzip file ({error})") from error


def _check_json(text: str, name: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise AttachmentUnreadableError(f"{name}: not valid JSON ({error})") from error


def _decoded(raw: bytes, name: str) -> str:
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
