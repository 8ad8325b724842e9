"""Prompts of agents: files, versioned by their content."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pulse_desktop.text.translation import _
from pulse_workers.chat.providers.configuration import AgentConfiguration
from pulse_workers.errors import SettingsError

MAX_PROMPT: Final = 64_000
"""Bytes of a prompt or schema file."""
_PACKAGE: Final = "pulse_workers.chat.agents"


@dataclasses.dataclass(frozen=True)
class Prompt:
    """The instructions of an agent.

    Attributes:
        text: the instructions, with the rules about chat text and the language.
        version: hash of the text.
        schema: JSON Schema of the operator that replaces the agent's; None without one.
    """

    text: str
    version: str
    schema: Mapping[str, Any] | None = None


def load_prompt(agent: str, configuration: AgentConfiguration) -> Prompt:
    """Return the prompt of an agent.

    The rules about chat text are added to an operator's prompt, too.

    Args:
        agent: name of the agent, such as `classification`.
        configuration: may name files that replace prompt and schema, and a language.

    Raises:
        SettingsError: a file cannot be read, or is too large, or the schema is no JSON object.
    """
    own = configuration.prompt_file
    task = _read(Path(own)) if own else _packaged(agent)
    if not task.strip():
        raise SettingsError(own, "", _("a file with a prompt"))
    language = (
        f"Write in the language with the code {configuration.language}."
        if configuration.language
        else "Write in the language of the messages."
    )
    text = f"{task.strip()}\n\n{_packaged('rules').strip()}\n\n{language}"
    return Prompt(text, version_of(text), _schema(configuration.schema_file))


def version_of(content: str) -> str:
    """Return the version of a prompt or schema."""
    return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()


def _packaged(name: str) -> str:
    return (resources.files(_PACKAGE) / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def _schema(file: str) -> Mapping[str, Any] | None:
    if not file:
        return None
    try:
        schema = json.loads(_read(Path(file)))
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise SettingsError(file, "", _("a JSON Schema, which is a JSON object"))
    return schema


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_PROMPT + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        expected = _("a readable file ({reason})").format(reason=error.strerror)
        raise SettingsError(str(file), "", expected) from None
    except UnicodeDecodeError:
        raise SettingsError(str(file), "", _("text in UTF-8")) from None
    if len(content) > MAX_PROMPT:
        expected = _("a file of at most {size} bytes").format(size=MAX_PROMPT)
        raise SettingsError(str(file), "", expected)
    return text
