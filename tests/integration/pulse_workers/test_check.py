"""`pulse-worker check` and `pulse-worker health` on real servers, good ones and bad ones."""

import base64
import hashlib
import json
import os
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import nats
import nkeys
from nats.js.api import ConsumerConfig, StreamConfig

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT
from tests.kit.nats_servers import NatsServer
from tests.kit.worker_cli import Check
from tests.kit.worker_processes import Bench, bench_on


async def test_check_finds_a_prepared_server_good_and_leaves_it_as_it_was(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: Check
) -> None:
    async with bench_on(nats_server, tmp_path) as bench:
        fresh = pulse_worker("check", server=nats_server.url)
        assert fresh.code == 0, fresh
        assert "not there yet: taskiq_jetstream" in fresh.text
        assert await bench.js.streams_info() == []
        assert pulse_worker("provision", server=nats_server.url).code == 0
        heard: list[str] = []

        async def hear(message: nats.aio.msg.Msg) -> None:
            heard.append(message.subject)

        await bench.client.subscribe(TASK_SUBJECT, cb=hear)
        before = await _contents(bench)
        said = pulse_worker("check", "--json", server=nats_server.url)
        assert said.code == 0, said
        findings = [json.loads(line) for line in said.text.splitlines()]
        assert {finding["status"] for finding in findings} == {"ok"}
        assert {"server", "JetStream", "storage", "clock", "permission", TASK_CONSUMER} <= {
            finding["check"] for finding in findings
        }
        assert await _contents(bench) == before


async def _contents(bench: Bench) -> dict[str, Any]:
    found = await bench.js.streams_info()
    return {
        i.config.name or "": (i.state.messages, i.state.last_seq, i.state.consumer_count)
        for i in found
    }


async def test_check_compares_what_is_there_with_the_settings(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: Check
) -> None:
    async with bench_on(nats_server, tmp_path) as bench:
        await bench.js.add_stream(StreamConfig(name=TASK_STREAM, subjects=[TASK_SUBJECT]))
        await bench.js.add_consumer(
            TASK_STREAM,
            ConsumerConfig(
                durable_name=TASK_CONSUMER, ack_wait=30, max_deliver=3, max_ack_pending=2
            ),
        )
        said = pulse_worker(
            "check", server=nats_server.url, replicas=3, ack_wait=60, slotts=3, worker_slots=4
        )
    assert said.code == 1, said
    for text in (
        "PULSE_SLOTTS is no setting",
        "3 copies of each stream are wanted, and this is a single server",
        "taskiq_jetstream: it has neither max_age nor max_bytes",
        "taskiq_jetstream: 1 copies, the settings say 3",
        "taskiq_durable: its ack_wait is 30 s and counts; PULSE_ACK_WAIT=60 does not",
        "taskiq_durable: max_deliver is 3",
        "taskiq_durable: max_ack_pending is 2",
    ):
        assert text in said.text, said
    assert len(said.of("problem")) == 2


def test_check_says_why_no_server_can_be_used(tmp_path: Path, pulse_worker: Check) -> None:
    said = pulse_worker("check", server="nats://127.0.0.1:1")
    assert said.code == 3
    assert "nothing listens at nats://127.0.0.1:1" in said.text
    with NatsServer(jetstream=False, user="me", password="s3cret") as server:
        said = pulse_worker("check", server=f"nats://{server.address}", user="me", password="bad")
        assert said.code == 3
        assert "refuses the user, password or token" in said.text
        said = pulse_worker("check", server=server.url)
        assert said.code == 1
        assert "problem  JetStream" in said.text
        assert "Start nats-server with -js" in said.text
        assert "s3cret" not in said.text


async def test_health_tells_a_worker_that_works_from_one_that_hangs_or_is_gone(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: Check
) -> None:
    about = {"server": nats_server.url, "heartbeat_interval": 0.5}
    async with bench_on(nats_server, tmp_path) as bench:
        worker = await bench.run()
        said = pulse_worker("health", **about)
        assert said.code == 0, said
        assert f":{worker.pid}" in said.text
        assert pulse_worker("health", "--name", "worker-2", "--wait", "0.5", **about).code == 1
        worker.process.send_signal(signal.SIGSTOP)
        said = pulse_worker("health", "--wait", "1.5", **about)
        worker.process.send_signal(signal.SIGCONT)
        assert said.code == 1, said
        assert "no sign of life within 1.5 s" in said.text
    assert pulse_worker("health", server="nats://127.0.0.1:1").code == 3


async def test_health_needs_no_control(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: Check
) -> None:
    async with bench_on(nats_server, tmp_path) as bench:
        await bench.run(control="off")
        said = pulse_worker("health", server=nats_server.url, heartbeat_interval=0.5)
    assert said.code == 0, said


def test_a_worker_logs_in_with_an_nkey(tmp_path: Path, pulse_worker: Check) -> None:
    pair = nkeys.from_seed(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    seed = tmp_path / "user.nk"
    seed.write_bytes(pair.seed)
    config = f"authorization {{ users: [ {{ nkey: {pair.public_key.decode()} }} ] }}"
    with NatsServer(config=config) as server:
        said = pulse_worker("check", server=server.url, nkey_file=str(seed))
        assert said.code == 0, said
        assert pulse_worker("check", server=server.url).code == 3


def test_a_worker_trusts_the_ca_it_is_told_and_shows_its_certificate(
    tmp_path: Path, pulse_worker: Check
) -> None:
    certificates = _certificates(tmp_path)
    config = f"""tls {{
        cert_file: {json.dumps(str(tmp_path / "server.pem"))}
        key_file: {json.dumps(str(tmp_path / "server.key"))}
        ca_file: {json.dumps(str(tmp_path / "ca.pem"))}
        verify: true
    }}"""
    with NatsServer(config=config) as server:
        url = f"tls://{server.address}"
        said = pulse_worker("check", server=url, **certificates)
        assert said.code == 0, said
        assert "TLS" in said.text
        assert pulse_worker("check", server=url, connect_timeout="2").code == 3


def _certificates(folder: Path) -> dict[str, str]:
    """Make a CA, a server's certificate for 127.0.0.1, and a client's."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2"),
        *("-addext", "keyUsage=critical,keyCertSign"),
    )
    for name in ("server", "client"):
        openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"),
        )
        (folder / "extension").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-days", "2", "-extfile", "extension", "-out", f"{name}.pem"),
        )
    ssl.create_default_context(cafile=str(folder / "ca.pem"))
    return {
        "tls_ca": str(folder / "ca.pem"),
        "tls_cert": str(folder / "client.pem"),
        "tls_key": str(folder / "client.key"),
    }


def test_a_worker_logs_in_with_credentials_of_an_operator(
    tmp_path: Path, pulse_worker: Check
) -> None:
    config, credentials = _accounts(tmp_path)
    with NatsServer(config=config) as server:
        said = pulse_worker("check", server=server.url, credentials=credentials)
        assert said.code == 0, said
        assert pulse_worker("check", server=server.url).code == 3


def _accounts(folder: Path) -> tuple[str, Path]:
    """Make an operator with two accounts, one of them with JetStream and a user, as nsc would."""
    operator, system, account, user = (
        nkeys.from_seed(nkeys.encode_seed(os.urandom(32), prefix))
        for prefix in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    everything = {"subs": -1, "data": -1, "payload": -1}
    limits = {**everything, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
    room = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    tokens = {
        "operator": _jwt(operator, operator, {"type": "operator"}),
        "system": _jwt(operator, system, {"type": "account", "limits": limits}),
        "account": _jwt(operator, account, {"type": "account", "limits": {**limits, **room}}),
        "user": _jwt(account, user, {"type": "user", **everything}),
    }
    credentials = folder / "worker.creds"
    credentials.write_text(
        f"-----BEGIN NATS USER JWT-----\n{tokens['user']}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    known = {system.public_key.decode(): tokens["system"]}
    known[account.public_key.decode()] = tokens["account"]
    config = (
        f"operator: {tokens['operator']}\nsystem_account: {system.public_key.decode()}\n"
        f"resolver: MEMORY\nresolver_preload: {json.dumps(known)}\n"
    )
    return config, credentials


def _jwt(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, nats_claims: dict[str, Any]) -> str:
    claims = {
        "iat": int(time.time()),
        "iss": issuer.public_key.decode(),
        "sub": subject.public_key.decode(),
        "name": "test",
        "nats": {**nats_claims, "version": 2},
    }
    digest = hashlib.new("sha512_256", json.dumps(claims).encode()).digest()
    claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
    body = f"{_encoded({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_encoded(claims)}"
    signature = base64.urlsafe_b64encode(issuer.sign(body.encode())).decode().rstrip("=")
    return f"{body}.{signature}"


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


ELSEWHERE = """authorization { users: [ { user: worker, password: p, permissions: {
    publish: { allow: ">" }, subscribe: { allow: ["_INBOX_worker.>", "pulse.>", "websocket.>"] }
} } ] }"""


def test_a_user_who_hears_answers_elsewhere_is_told_so_at_once(pulse_worker: Check) -> None:
    with NatsServer(config=ELSEWHERE, user="worker", password="p") as server:
        said = pulse_worker("check", server=server.url)
        assert said.code == 1, said
        assert "may not subscribe to _INBOX._pulse_check (answers of the server)" in said.text
        assert "Set PULSE_INBOX_PREFIX" in said.text
        assert "nats-server -js" not in said.text
        assert len(said.of("problem")) == 1
        before = time.monotonic()
        for command in ("run", "provision"):
            said = pulse_worker(command, server=server.url)
            assert said.code == 1, said
            assert "may not hear answers on _INBOX.>. Set PULSE_INBOX_PREFIX" in said.text
            assert "Is JetStream on" not in said.text
        assert time.monotonic() - before < 20
        said = pulse_worker("check", server=server.url, inbox_prefix="_INBOX_worker")
        assert said.code == 0, said
