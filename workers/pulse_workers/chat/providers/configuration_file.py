"""Configuration of providers and agents: a TOML file, or a few environment variables.

The file is named by `providers_file`. Its values are data only: keys are not in it, but in an
environment variable, a file or the keyring that it names.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import msgspec

from pulse_desktop.text.translation import _
from pulse_workers.chat.providers.configuration import (
    AGENTS,
    BUILTIN,
    E5,
    AgentConfiguration,
    Configuration,
    EmbeddingConfiguration,
    ModelChoice,
    ProviderConfiguration,
)
from pulse_workers.chat.providers.provider import Capability
from pulse_workers.config.settings import Settings
from pulse_workers.errors import SettingsError, WorkerError

S = TypeVar("S", bound=msgspec.Struct)

DEFAULT: Final = "default"
"""Name of the provider that environment variables define."""
_EMBEDDING: Final = Capability.EMBED.agent
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MISMATCH: Final = re.compile(r"(?:Expected (.*?)|.*?)(?:, got .*?)?(?: - at `\$\.?(.*?)`)?$")
_REQUIRED: Final = re.compile(r"missing required field `(.*?)`")


def load_configuration(settings: Settings) -> Configuration:
    """Read the configuration of providers and agents.

    Without a file, PULSE_MODEL_URL defines a provider that all agents use. With neither, all agents
    use the built-in provider.

    Raises:
        SettingsError: a value is invalid. Its text contains no secret.
    """
    if settings.providers_file and settings.model_url:
        expected = _("either PULSE_PROVIDERS_FILE or PULSE_MODEL_URL")
        raise SettingsError("PULSE_MODEL_URL", "", expected)
    if settings.providers_file:
        file = Path(settings.providers_file).expanduser()
        return _Reader(str(file), file.parent).read(_load_file(file))
    return _Reader("PULSE_MODEL_URL", Path()).read(_from_settings(settings))


def _from_settings(settings: Settings) -> dict[str, Any]:
    if not settings.model_url:
        return {}
    provider: dict[str, Any] = {"api": settings.model_api, "url": settings.model_url}
    if settings.model_key.get_secret_value():
        provider["key_variable"] = "PULSE_MODEL_KEY"
    if settings.model_key_file:
        provider["key_file"] = settings.model_key_file
    agents: dict[str, Any] = {}
    if settings.model:
        agents = {each.agent: {"provider": DEFAULT, "model": settings.model} for each in AGENTS}
    if settings.embedding_model:
        agents[_EMBEDDING] = {"provider": DEFAULT, "model": settings.embedding_model}
    return {"providers": {DEFAULT: provider}, "agents": agents}


def _load_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        expected = _("a readable file ({reason})").format(reason=error.strerror)
        raise SettingsError(str(file), "", expected) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # Not the text of the error: it may repeat a line with a key.
        line = re.search(r"at (line \d+|end of document)", str(error))
        expected = _("TOML ({reason})").format(reason=line[0] if line else type(error).__name__)
        raise SettingsError(str(file), "", expected) from None


class _Reader:
    """Reads and checks decoded TOML. Errors name the place and what is expected, no values."""

    def __init__(self, origin: str, folder: Path) -> None:
        self._origin = origin
        self._folder = folder

    def read(self, document: Mapping[str, Any]) -> Configuration:
        self._check_names("", document, ("providers", "agents"))
        tables = {name: self._table(name, document.get(name, {})) for name in document}
        providers = {
            name: self._provider(name, value) for name, value in tables.get("providers", {}).items()
        }
        agents = tables.get("agents", {})
        self._check_names("agents", agents, (*(each.agent for each in AGENTS), _EMBEDDING))
        known = (BUILTIN, *providers)
        found = {}
        for name in (each.agent for each in AGENTS):
            agent = self._convert(f"agents.{name}", agents.get(name, {}), AgentConfiguration)
            self._check_choices(f"agents.{name}", agent.choices, known)
            found[name] = self._check_agent(f"agents.{name}", agent)
        place = f"agents.{_EMBEDDING}"
        embedding = self._convert(place, agents.get(_EMBEDDING, {}), EmbeddingConfiguration)
        self._check_choices(place, embedding.choices, (*known, E5))
        for choice in embedding.fallback:
            if _model_of(choice) != _model_of(embedding.choices[0]):
                expected = _("the same model: vectors of different models cannot be compared")
                raise self._error(f"{place}.fallback", expected)
        return Configuration(providers, found, embedding)

    def _provider(self, name: str, value: object) -> ProviderConfiguration:
        place = f"providers.{name}"
        if not _NAME.fullmatch(name) or name in (BUILTIN, E5):
            expected = _("a name of a to z, 0 to 9, - and _, other than builtin and e5")
            raise self._error("providers", expected)
        provider = self._convert(place, value, ProviderConfiguration)
        keys = [provider.key_variable, provider.key_file, provider.key_keyring]
        if sum(map(bool, keys)) > 1:
            raise self._error(place, _("only one of key_variable, key_file and key_keyring"))
        if provider.key_variable and not _VARIABLE.fullmatch(provider.key_variable):
            raise self._error(f"{place}.key_variable", _("the name of an environment variable"))
        if provider.key_keyring and not re.fullmatch(r"[^/]+/[^/]+", provider.key_keyring):
            raise self._error(f"{place}.key_keyring", _("service/user"))
        if not provider.output_modes:
            raise self._error(f"{place}.output_modes", _("at least one mode"))
        self._check_url(place, provider, has_key=any(keys))
        key_file = self._path(provider.key_file)
        return msgspec.structs.replace(provider, key_file=key_file)

    def _check_url(self, place: str, provider: ProviderConfiguration, *, has_key: bool) -> None:
        try:
            url = httpx.URL(provider.url)
        except httpx.InvalidURL:
            url = httpx.URL("")
        expected = _(
            "the URL of a server, such as http://127.0.0.1:11434, without a login or query"
        )
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            raise self._error(f"{place}.url", expected)
        is_plain = url.scheme == "http" and url.host not in _LOOPBACK
        if has_key and is_plain and not provider.plain_http:
            expected = _("https, because a key is sent; plain_http = true allows http")
            raise self._error(f"{place}.url={provider.url!r}", expected)

    def _check_agent(self, place: str, agent: AgentConfiguration) -> AgentConfiguration:
        if agent.language is not None and not _LANGUAGE.fullmatch(agent.language):
            raise self._error(f"{place}.language", _("a language code, such as en or uk"))
        files = {}
        for name in ("prompt_file", "schema_file"):
            files[name] = self._path(getattr(agent, name))
            if files[name] and not Path(files[name]).is_file():
                raise self._error(f"{place}.{name}", _("the path to an existing file"))
        return msgspec.structs.replace(agent, **files)

    def _check_choices(
        self, place: str, choices: tuple[ModelChoice, ...], known: tuple[str, ...]
    ) -> None:
        for choice in choices:
            if choice.provider not in known:
                expected = _("the name of a provider: {names}").format(names=", ".join(known))
                raise self._error(f"{place}.provider={choice.provider[:40]!r}", expected)
            if not choice.model and choice.provider not in (BUILTIN, E5):
                raise self._error(f"{place}.model", _("the name of a model"))

    def _convert(self, place: str, value: object, struct: type[S]) -> S:
        table = self._table(place, value)
        self._check_names(place, table, struct.__struct_fields__)
        try:
            return msgspec.convert(table, struct)
        except msgspec.ValidationError as error:
            found = _MISMATCH.match(str(error))
            if required := _REQUIRED.search(str(error)):
                raise self._error(f"{place}.{required[1]}", _("a value")) from None
            expected, path = found.groups() if found else ("", "")
            where = f"{place}.{path}" if path else place
            text = (expected or _("another value")).replace("`", "")
            raise self._error(where, text) from None

    def _check_names(self, place: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for name in table:
            if name not in known:
                similar = difflib.get_close_matches(name, known, n=1)
                text = _("{place}: no such setting.").format(place=self._place(place, name))
                if similar:
                    text += " " + _("Did you mean {suggestion}?").format(suggestion=similar[0])
                raise ConfigurationError(text)

    def _table(self, place: str, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._error(place, _("a table"))
        return value

    def _path(self, path: str) -> str:
        """Return a path relative to the file, unless it is absolute."""
        return str(self._folder / Path(path).expanduser()) if path else ""

    def _place(self, place: str, name: str = "") -> str:
        return f"{self._origin}: {'.'.join(part for part in (place, name[:40]) if part)}"

    def _error(self, place: str, expected: str) -> SettingsError:
        return SettingsError(self._place(place), "", expected)


def _model_of(choice: ModelChoice) -> str:
    """Return a name of the embedding model; one in this process is another than any of a server."""
    return choice.provider if choice.provider in (BUILTIN, E5) else f"model {choice.model}"


class ConfigurationError(SettingsError):
    """The file has an unknown key."""

    def __init__(self, text: str) -> None:
        WorkerError.__init__(self, text)
