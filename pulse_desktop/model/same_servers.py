"""Comparison of the servers that two texts name."""

from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"nats": 4222, "tls": 4222, "ws": 80, "wss": 443}


def same_servers(one: str, other: str) -> bool:
    """Whether two lists of addresses name the same servers, however they are written.

    The order, the scheme `nats`, a default port, the case of a host and a final slash make no
    difference.
    """
    return _normalized(one) == _normalized(other)


def servers_without_login(servers: str) -> str:
    """Return the addresses in a form that is the same however they are written, without logins."""
    addresses = (each.partition("://") for each in _normalized(servers))
    hosts = {f"{scheme}://{rest.rpartition('@')[2]}" for scheme, _separator, rest in addresses}
    return ",".join(sorted(hosts))


def _normalized(servers: str) -> frozenset[str]:
    return frozenset(_one(each.strip()) for each in servers.split(",") if each.strip())


def _one(address: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"nats://{address}")
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return address  # it is no valid one
    login = parts.netloc.rpartition("@")[0]
    rest = parts._replace(scheme="", netloc="", path=parts.path.rstrip("/")).geturl()
    return f"{parts.scheme}://{login}@{parts.hostname}:{port}{rest}"
