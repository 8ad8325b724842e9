"""Prices of models, from a table in this package and from the configuration. No network."""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Final

import httpx
import msgspec

from pulse_workers.chat.providers.provider import Usage

_MILLION: Final = 1_000_000


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Price of a model in US dollars per million tokens.

    Attributes:
        input: price of what the model reads.
        output: price of what it writes.
        up_to: largest prompt that has this price, in tokens; None for any.
    """

    input: float
    output: float = 0.0
    up_to: int | None = None

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """Return the price of a request in US dollars, None if it is unknown."""
        if self.up_to is not None and tokens_in > self.up_to:
            return None
        return (tokens_in * self.input + tokens_out * self.output) / _MILLION


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    as_of: str
    hosts: dict[str, dict[str, Price]]


@functools.cache
def _table() -> _Table:
    text = resources.files(__package__).joinpath("prices.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Table)


class PriceList:
    """Prices of the models of one provider."""

    def __init__(self, base_url: str, overrides: Mapping[str, Price] | None = None) -> None:
        """Select prices.

        Args:
            base_url: address of the server; the same model has another price elsewhere.
            overrides: prices from the configuration, by model.
        """
        self._prices = {**_table().hosts.get(httpx.URL(base_url).host, {}), **(overrides or {})}

    def price(self, model: str) -> Price | None:
        """Return the price of a model, None if it is unknown."""
        return self._prices.get(model)

    def usage(self, model: str, tokens_in: int, tokens_out: int) -> Usage:
        """Return a usage with its cost."""
        price = self.price(model)
        cost = None if price is None else price.cost(tokens_in, tokens_out)
        return Usage(tokens_in, tokens_out, cost)
