"""Servers of each kind of login, TLS and JetStream, and what a client needs to connect to them."""

import base64
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import nkeys

from tests.kit.nats_servers import NatsServer

SECRET = "s3cret-5b0e"
LIMITS = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
JETSTREAM = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
_REQUESTS = ("INFO", "STREAM.>", "CONSUMER.>", "DIRECT.>")
ACCOUNTS = """accounts {
  APP { jetstream: enabled, users: [ { user: app, password: app } ], exports: [
    { service: "$JS.API.>" }, { stream: "websocket.>" }, { stream: "taskiq_tasks" } ] }
  OPS { users: [ { user: ops, password: ops } ], imports: [
    { service: { account: APP, subject: "$JS.API.>" }, to: "JS.app.API.>" } ] }
}"""


NARROW_INBOX = (
    f"authorization {{ users: [ {{ user: ann, password: {SECRET}, permissions: {{ "
    'subscribe: ["_INBOX.ann.>", "websocket.*", "taskiq_tasks"], publish: [">"] } } ] }'
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tls_config(folder: Path, more: str = "") -> str:
    return (
        f'tls {{ cert_file: "{folder}/cert.pem", key_file: "{folder}/key.pem", '
        f'ca_file: "{folder}/cert.pem", {more} }}'
    )


def new_key(prefix: int) -> tuple[str, nkeys.KeyPair]:
    seed = nkeys.encode_seed(os.urandom(32), prefix)
    return seed.decode(), nkeys.from_seed(bytearray(seed))


def jwt(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, nats: dict[str, Any], **more: Any) -> str:
    def encode(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    claims = {
        "jti": encode(os.urandom(20)),
        "iat": int(time.time()),
        "iss": issuer.public_key.decode(),
        "name": "test",
        "sub": subject.public_key.decode(),
        "nats": {**nats, "version": 2},
        **more,
    }
    head = encode(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    text = f"{head}.{encode(json.dumps(claims).encode())}"
    return f"{text}.{encode(issuer.sign(text.encode()))}"


def operator_config(file: Path, **user_claims: Any) -> str:
    """Write a .creds file and return the configuration of the server that accepts it."""
    (_s, operator), (_s, system), (_s, account) = (
        new_key(nkeys.PREFIX_BYTE_OPERATOR),
        new_key(nkeys.PREFIX_BYTE_ACCOUNT),
        new_key(nkeys.PREFIX_BYTE_ACCOUNT),
    )
    seed, user = new_key(nkeys.PREFIX_BYTE_USER)
    limits = {**LIMITS, "wildcards": True}
    system_jwt = jwt(operator, system, {"limits": limits, "type": "account"})
    account_jwt = jwt(operator, account, {"limits": {**limits, **JETSTREAM}, "type": "account"})
    user_jwt = jwt(
        account, user, {"subs": -1, "data": -1, "payload": -1, "type": "user"}, **user_claims
    )
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    file.chmod(0o600)
    system_key, account_key = system.public_key.decode(), account.public_key.decode()
    operator_jwt = jwt(operator, operator, {"system_account": system_key, "type": "operator"})
    return (
        f"operator: {operator_jwt}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {account_key}: {account_jwt}, {system_key}: {system_jwt} }}"
    )


@contextmanager
def login_server(kind: str, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a server of a kind; yield its URL and the options by name that it needs."""
    certificates = {"tls_ca": f"{folder}/cert.pem"}
    client = {**certificates, "tls_cert": f"{folder}/cert.pem", "tls_key": f"{folder}/key.pem"}
    if kind == "token":
        with NatsServer(token=SECRET) as server:
            yield f"nats://{server.address}", {"token": SECRET}
    elif kind == "password":
        with NatsServer(user="ann", password=SECRET) as server:
            yield f"nats://{server.address}", {"user": "ann", "password": SECRET}
    elif kind == "credentials":
        with NatsServer(config=operator_config(folder / "user.creds")) as server:
            yield server.url, {"credentials": str(folder / "user.creds")}
    elif kind == "nkey":
        seed, pair = new_key(nkeys.PREFIX_BYTE_USER)
        (folder / "user.nk").write_text(seed)
        config = f"authorization {{ users: [ {{ nkey: {pair.public_key.decode()} }} ] }}"
        with NatsServer(config=config) as server:
            yield server.url, {"nkey_file": str(folder / "user.nk")}
    elif kind == "client certificate":
        with NatsServer(config=tls_config(folder, "verify: true")) as server:
            yield f"tls://localhost:{server.port}", client
    elif kind == "tls":
        with NatsServer(config=tls_config(folder)) as server:
            yield f"tls://localhost:{server.port}", certificates
    elif kind in ("ws", "wss"):
        port = free_port()
        tls = "no_tls: true" if kind == "ws" else tls_config(folder)
        config = f'websocket {{ listen: "127.0.0.1:{port}", {tls} }}'
        with NatsServer(config=config):
            yield f"{kind}://localhost:{port}", certificates if kind == "wss" else {}
    elif kind == "api prefix":
        with NatsServer(config=ACCOUNTS) as server:
            yield f"nats://ops:ops@{server.address}", {"js_api_prefix": "JS.app.API"}
    elif kind == "inbox prefix":
        with NatsServer(config=NARROW_INBOX) as server:
            yield f"nats://ann:{SECRET}@{server.address}", {"inbox_prefix": "_INBOX.ann"}
    elif kind == "tls first":
        with NatsServer(config=tls_config(folder, "handshake_first: true")) as server:
            yield f"tls://localhost:{server.port}", {**certificates, "tls_first": "true"}
    elif kind == "domain":
        with leaf_node(folder) as (_hub, leaf):
            yield leaf.url, {"js_domain": "hub"}
    else:
        raise ValueError(kind)


@contextmanager
def leaf_node(folder: Path) -> Iterator[tuple[NatsServer, NatsServer]]:
    """Run a hub with a JetStream domain, and a leaf node without JetStream; yield both."""
    config = (
        f'jetstream {{ domain: hub, store_dir: "{folder}/js" }}\n'
        "leafnodes { listen: 127.0.0.1:-1 }"
    )
    with NatsServer(jetstream=False, config=config) as hub:
        port = _leafnode_port(hub)
        remote = f'leafnodes {{ remotes: [ {{ url: "nats-leaf://127.0.0.1:{port}" }} ] }}'
        with NatsServer(jetstream=False, config=remote) as leaf:
            _wait_for_interest(leaf, *(f"$JS.hub.API.{name}" for name in _REQUESTS))
            yield hub, leaf


def _wait_for_interest(leaf: NatsServer, *subjects: str) -> None:
    """Wait until a leaf node knows that its hub wants the messages of some subjects."""
    deadline = time.monotonic() + 30
    missing = set(subjects)
    while missing:
        assert time.monotonic() < deadline, f"the hub does not subscribe to {missing}"
        known = httpx.get(f"{leaf.monitor_url}/leafz?subs=1").text.replace("\\u003e", ">")
        missing = {each for each in subjects if f'"{each}"' not in known}


def _leafnode_port(server: NatsServer) -> int:
    found = re.search(r"leafnode connections on 127\.0\.0\.1:(\d+)", server.log_path.read_text())
    assert found
    return int(found[1])
