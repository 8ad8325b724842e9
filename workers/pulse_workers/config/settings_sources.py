"""The environment as a source of settings: any mapping, so that tests need not change their own."""

from collections.abc import Mapping

from pydantic_settings import BaseSettings, EnvSettingsSource


class Environment(EnvSettingsSource):
    """Variables of a mapping. One that is set and empty counts as not set."""

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(settings, case_sensitive=True, env_ignore_empty=True)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name: text for name, text in self._environ.items() if text.strip()}

    def values(self) -> dict[str, str]:
        """Return the text given for each field."""
        found: dict[str, str] = {}
        for name, field in self.settings_cls.model_fields.items():
            text, _, _ = self.get_field_value(field, name)
            if text is not None:
                found[name] = text
        return found
