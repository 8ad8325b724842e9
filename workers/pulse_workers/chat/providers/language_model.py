"""The provider that asks language models: one agent's calls over a model client."""

from pulse_workers.chat.providers.configuration import AgentConfiguration
from pulse_workers.chat.providers.model_client import ModelClient
from pulse_workers.chat.providers.partial_provider import PartialProvider


class LanguageModelProvider(PartialProvider):
    """Does the work of one agent with a language model."""

    def __init__(self, client: ModelClient, model: str, agent: AgentConfiguration) -> None:
        """Select a model.

        Args:
            client: connection to the server.
            model: name of the model.
            agent: prompt, schema, language and budget.
        """
        super().__init__(client.provider, model)
        self._client = client
        self._agent = agent
