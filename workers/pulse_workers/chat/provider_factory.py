"""The providers of a worker, made from its configuration."""

import contextlib
import dataclasses
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

import httpx

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.redaction import redact_url
from pulse_desktop.text.translation import _
from pulse_workers.chat.agents.language_model import LanguageModelProvider
from pulse_workers.chat.providers.builtin.provider import BuiltinProvider
from pulse_workers.chat.providers.configuration import (
    AGENTS,
    BUILTIN,
    E5,
    Configuration,
    EmbeddingConfiguration,
    ProviderConfiguration,
)
from pulse_workers.chat.providers.configuration_file import load_configuration
from pulse_workers.chat.providers.embedding import E5Embedding, HttpEmbedding
from pulse_workers.chat.providers.http.api_key import (
    KeyInEnvironment,
    KeyInFile,
    KeyInKeyring,
    KeySource,
)
from pulse_workers.chat.providers.http.client import HttpModelClient
from pulse_workers.chat.providers.http.limits import Limits, SharedLimits
from pulse_workers.chat.providers.http.ollama import OllamaFormat
from pulse_workers.chat.providers.http.openai import OpenAIFormat
from pulse_workers.chat.providers.http.prices import PriceList
from pulse_workers.chat.providers.http.transport import Transport
from pulse_workers.chat.providers.http.wire_format import WireFormat
from pulse_workers.chat.providers.model_client import OutputMode
from pulse_workers.chat.providers.model_errors import ModelRefusedError
from pulse_workers.chat.providers.provider import Capability, Provider
from pulse_workers.chat.providers.routing import RoutedProvider
from pulse_workers.chat.shared_state import LocalState, SharedState
from pulse_workers.config.settings import Settings
from pulse_workers.errors import SettingsError, WorkerError

MAX_CHECKED_MODELS: Final = 100
MAX_NAMED_MODELS: Final = 5
_LIMIT_FIELDS: Final = {"api.openai.com": "max_completion_tokens"}
_OLLAMA_TAG: Final = ":latest"


class CheckedProvider(Protocol):
    """A provider whose state is published as `provider.checked`."""

    @property
    def name(self) -> str:
        """Name of the provider."""
        ...

    @property
    def kind(self) -> str:
        """Kind of the provider: `llm`, or that of a local one."""
        ...

    async def check(self) -> list[str]:
        """Make a small call and return names of models."""
        ...


class ModelServerCheck:
    """Checks that a server lists the configured models; it is available again if it does."""

    kind = "llm"

    def __init__(
        self,
        client: HttpModelClient,
        models: Sequence[str],
        provider: ProviderConfiguration,
        routed: RoutedProvider,
    ) -> None:
        self.name = client.provider
        self.protocol = provider.api
        self.url = redact_url(provider.url)
        self._client = client
        self._models = models
        self._routed = routed

    async def check(self) -> list[str]:
        """Return names of models, the configured ones first.

        Raises:
            ModelError: the server does not respond, or lacks a configured model.
        """
        started_at = time.monotonic()
        listed = await self._client.list_models()
        names = {name.removesuffix(_OLLAMA_TAG) for name in listed}
        for model in self._models:
            if model.removesuffix(_OLLAMA_TAG) not in names:
                raise ModelRefusedError(f"the server does not list the model {model!r}", 404)
        self._routed.mark_available(self.name, started_at, is_check=True)
        return list(dict.fromkeys((*self._models, *listed)))[:MAX_CHECKED_MODELS]


async def check_providers(settings: Settings) -> AsyncIterator[CheckResult]:
    """Check the configuration of providers, and each configured one."""
    try:
        providers = make_providers(settings, LocalState())
    except SettingsError as error:
        yield CheckResult("providers", "problem", str(error), _("See docs/agents.md."))
        return
    async with contextlib.aclosing(providers):
        for check in providers.checks:
            if check.name != BUILTIN:
                yield await _check_provider(check)


async def _check_provider(check: CheckedProvider) -> CheckResult:
    started = time.perf_counter()
    try:
        models = await check.check()
    except WorkerError as error:
        advice = _("Correct its URL, key or model; until then its fallbacks answer.")
        return CheckResult("providers", "problem", f"{check.name}: {error}", advice)
    text = _("{name} answered within {seconds:.1f} s and has: {models}")
    seconds = time.perf_counter() - started
    names = ", ".join(models[:MAX_NAMED_MODELS])
    detail = text.format(name=check.name, seconds=seconds, models=names)
    return CheckResult("providers", "ok", detail)


@dataclasses.dataclass(frozen=True)
class ConfiguredProviders:
    """Providers, model clients and checks of a worker.

    Attributes:
        provider: passes each call to the configured provider.
        configuration: the configuration they were made from.
        clients: model clients by the name of their provider.
        checks: regular checks, one per provider.
    """

    provider: Provider
    configuration: Configuration
    clients: Mapping[str, HttpModelClient]
    checks: Sequence[CheckedProvider]

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self.clients.values():
            await client.close()


def make_providers(
    settings: Settings, state: SharedState, environ: Mapping[str, str] = os.environ
) -> ConfiguredProviders:
    """Make the providers; nothing is connected yet.

    Args:
        settings: of the worker; they name the configuration.
        state: where limits are kept that all processes share.
        environ: environment variables, for keys.

    Raises:
        SettingsError: the configuration is invalid, or needs a package that is not installed.
    """
    configuration = load_configuration(settings)
    environ = {**environ, "PULSE_MODEL_KEY": settings.model_key.get_secret_value()}
    clients = {
        name: make_client(name, provider, state, environ)
        for name, provider in configuration.providers.items()
    }
    builtin = BuiltinProvider()
    local: dict[str, BuiltinProvider | E5Embedding] = {BUILTIN: builtin}
    if any(choice.provider == E5 for choice in configuration.embedding.choices):
        local[E5] = E5Embedding()
    chains: dict[Capability, list[Provider]] = {}
    for capability in AGENTS:
        agent = configuration.agents[capability.agent]
        chains[capability] = [
            local.get(choice.provider)
            or LanguageModelProvider(clients[choice.provider], choice.model, capability, agent)
            for choice in agent.choices
        ]
    embedding = configuration.embedding
    chains[Capability.EMBED] = [
        local.get(choice.provider) or _http_embedding(clients[choice.provider], embedding)
        for choice in embedding.choices
    ]
    used = {id(each): each for chain in chains.values() for each in chain}
    checks: list[CheckedProvider] = [each for each in local.values() if id(each) in used]
    routed = RoutedProvider(chains)
    checks += [
        ModelServerCheck(
            client, configuration.models_of(name), configuration.providers[name], routed
        )
        for name, client in clients.items()
    ]
    return ConfiguredProviders(routed, configuration, clients, checks)


def make_client(
    name: str,
    provider: ProviderConfiguration,
    state: SharedState,
    environ: Mapping[str, str],
) -> HttpModelClient:
    """Make the model client of a provider."""
    limits = Limits(
        requests_per_minute=provider.requests_per_minute,
        tokens_per_minute=provider.tokens_per_minute,
        concurrency=provider.concurrency,
        spend_limit_usd=provider.spend_limit,
        spend_period=provider.spend_period,
        max_wait_s=provider.max_wait,
    )
    shared = SharedLimits(name, limits, state)
    return HttpModelClient(
        name,
        _wire_format(provider),
        Transport(provider.url, _key_source(provider, environ), shared, timeout_s=provider.timeout),
        shared,
        PriceList(provider.url, provider.prices),
        [OutputMode(mode) for mode in provider.output_modes],
    )


def _wire_format(provider: ProviderConfiguration) -> WireFormat:
    if provider.api == "ollama":
        return OllamaFormat(provider.context_tokens)
    field = _LIMIT_FIELDS.get(httpx.URL(provider.url).host, "max_tokens")
    return OpenAIFormat(provider.limit_field or field)


def _key_source(provider: ProviderConfiguration, environ: Mapping[str, str]) -> KeySource | None:
    if provider.key_variable:
        return KeyInEnvironment(provider.key_variable, environ)
    if provider.key_file:
        return KeyInFile(provider.key_file)
    if provider.key_keyring:
        return KeyInKeyring(provider.key_keyring)
    return None


def _http_embedding(client: HttpModelClient, embedding: EmbeddingConfiguration) -> HttpEmbedding:
    return HttpEmbedding(client, embedding.model, embedding.query_prefix, embedding.passage_prefix)
