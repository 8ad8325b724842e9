"""`pulse-worker check` and `pulse-worker health` on real servers."""

import base64
import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nkeys
import pytest
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, StreamConfig

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT
from tests.kit.control_requests import command_worker
from tests.kit.nats_servers import NatsServer
from tests.kit.worker_cli import PulseWorkerCommand
from tests.kit.worker_processes import ROOT, WorkerHarness, open_harness


async def test_check_reports_a_provisioned_server_as_ok_and_changes_nothing(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    async with open_harness(nats_server, tmp_path) as harness:
        fresh = pulse_worker("check", server=nats_server.url)
        assert fresh.code == 0, fresh
        assert "not created yet: taskiq_jetstream" in fresh.text
        assert await harness.js.streams_info() == []
        assert pulse_worker("provision", server=nats_server.url).code == 0
        received: list[str] = []

        async def on_message(message: Msg) -> None:
            received.append(message.subject)

        await harness.client.subscribe(TASK_SUBJECT, cb=on_message)
        before = await _contents(harness)
        output = pulse_worker("check", "--json", server=nats_server.url)
        assert output.code == 0, output
        *findings, workers = [json.loads(line) for line in output.text.splitlines()]
        assert {finding["status"] for finding in findings} == {"ok"}
        assert (workers["check"], workers["status"]) == ("workers", "warning")
        assert workers["detail"] == "no worker is alive: no reply and no heartbeat within 1 s"
        assert {"server", "JetStream", "storage", "clock", "permission", TASK_CONSUMER} <= {
            finding["check"] for finding in findings
        }
        assert await _contents(harness) == before


async def _contents(harness: WorkerHarness) -> dict[str, Any]:
    found = await harness.js.streams_info()
    return {
        i.config.name or "": (i.state.messages, i.state.last_seq, i.state.consumer_count)
        for i in found
    }


async def test_check_names_the_stream_that_holds_a_subject_already(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    async with open_harness(nats_server, tmp_path) as harness:
        await harness.js.add_stream(name="SHOP", subjects=["*", "websocket.tasks"])
        output = pulse_worker("check", "--json", server=nats_server.url)
        assert output.code == 1, output
        findings = [json.loads(line) for line in output.text.splitlines()]
        (overlap,) = [each for each in findings if each["check"] == TASK_STREAM]
        assert overlap["status"] == "problem"
        assert "taskiq_tasks overlaps with the existing stream SHOP" in overlap["detail"]
        (history,) = [each for each in findings if each["check"] == "PULSE_EVENTS"]
        assert history["status"] == "warning"
        assert "SHOP" in history["detail"]
        assert [i.config.name for i in await harness.js.streams_info()] == ["SHOP"]
        refused = pulse_worker("provision", server=nats_server.url)
        assert refused.code == 1, refused
        assert f"{TASK_STREAM}: {overlap['detail']}. {overlap['advice']}" in refused.text
        await harness.js.update_stream(name="SHOP", subjects=["websocket.tasks"])
        created = pulse_worker("provision", server=nats_server.url)
        assert created.code == 0, created
        assert f"no history stream PULSE_EVENTS: {history['detail']}" in created.text


async def test_check_compares_existing_streams_with_the_settings(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    async with open_harness(nats_server, tmp_path) as harness:
        await harness.js.add_stream(StreamConfig(name=TASK_STREAM, subjects=[TASK_SUBJECT]))
        await harness.js.add_consumer(
            TASK_STREAM,
            ConsumerConfig(
                durable_name=TASK_CONSUMER, ack_wait=30, max_deliver=3, max_ack_pending=2
            ),
        )
        output = pulse_worker(
            "check", server=nats_server.url, replicas=3, ack_wait=60, slotts=3, worker_slots=4
        )
    assert output.code == 1, output
    for text in (
        "PULSE_SLOTTS is not a setting",
        "3 replicas are configured, but this is a single server",
        "taskiq_jetstream: it has neither max_age nor max_bytes",
        "taskiq_jetstream: it has 1 replica, but PULSE_REPLICAS is 3",
        "taskiq_durable: its ack_wait is 30 s, which applies instead of PULSE_ACK_WAIT=60",
        "taskiq_durable: max_deliver is 3",
        "taskiq_durable: max_ack_pending is 2",
    ):
        assert text in output.text, output
    assert len(output.lines_with("problem")) == 2


def test_check_reports_why_no_server_can_be_used(
    tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    output = pulse_worker("check", server="nats://127.0.0.1:1")
    assert output.code == 3
    assert "nothing listens at nats://127.0.0.1:1" in output.text
    with NatsServer(jetstream=False, user="me", password="s3cret") as server:
        output = pulse_worker(
            "check",
            server=f"nats://{server.address}",
            user="me",
            password="bad",
            own_process=True,
        )
        assert output.code == 3
        assert "refused these credentials" in output.text
        output = pulse_worker("check", server=server.url)
        assert output.code == 1
        assert "problem  JetStream" in output.text
        assert "Start nats-server with -js" in output.text
        assert "On a leaf node, set --js-domain (PULSE_JS_DOMAIN)" in output.text
        output = pulse_worker("check", server=server.url, js_domain="hub")
        assert "Correct --js-domain (PULSE_JS_DOMAIN)" in output.text
        assert "s3cret" not in output.text


@pytest.mark.slow
async def test_health_distinguishes_a_live_worker_from_one_that_hangs_or_is_offline(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    about = {"server": nats_server.url, "heartbeat_interval": 0.5}
    async with open_harness(nats_server, tmp_path) as harness:
        worker = await harness.run()
        output = pulse_worker("health", **about)
        assert output.code == 0, output
        assert f":{worker.pid}" in output.text
        assert pulse_worker("health", "--name", "worker-2", "--wait", "0.5", **about).code == 1
        worker.process.send_signal(signal.SIGSTOP)
        output = pulse_worker("health", "--wait", "1.5", **about)
        worker.process.send_signal(signal.SIGCONT)
        assert output.code == 1, output
        assert "no heartbeat within 1.5 s" in output.text
    assert pulse_worker("health", server="nats://127.0.0.1:1").code == 3


async def test_check_tells_whether_a_worker_is_alive_and_takes_tasks(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    async with open_harness(nats_server, tmp_path) as harness:
        worker = await harness.run()
        output = pulse_worker("check", "--wait", "5", server=nats_server.url)
        assert output.code == 0, output
        (alive,) = [line for line in output.lines_with("ok") if " workers: " in line]
        assert re.search(rf"1 worker is alive: worker-1@\S+:{worker.pid} \(0 of 8 slots", alive)
        await command_worker(harness, worker, "pause")
        output = pulse_worker("check", "--wait", "5", server=nats_server.url)
        (idle,) = [line for line in output.lines_with("warning") if " workers: " in line]
        assert f":{worker.pid} (paused)" in idle
        assert "1 worker is alive, but takes no tasks" in idle


@pytest.mark.skipif(os.name != "posix", reason="the shell")
@pytest.mark.slow
def test_check_ends_quietly_when_the_reader_needs_no_more(nats_server: NatsServer) -> None:
    command = f"{sys.executable} -m pulse_workers check --json --wait 0.1 | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**os.environ, "PULSE_CONFIG": os.devnull, "PULSE_SERVER": nats_server.url},
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["check"] == "configuration"


@pytest.mark.slow
async def test_check_and_health_work_without_commands(
    nats_server: NatsServer, tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    async with open_harness(nats_server, tmp_path) as harness:
        await harness.run(control="off")
        health = pulse_worker("health", server=nats_server.url, heartbeat_interval=0.5)
        check = pulse_worker("check", "--wait", "5", server=nats_server.url)
    assert health.code == 0, health
    assert check.code == 0, check
    assert any("1 worker is alive" in line for line in check.lines_with("ok")), check


@pytest.mark.slow
def test_a_worker_authenticates_with_an_nkey(
    tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    pair = nkeys.from_seed(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    seed = tmp_path / "user.nk"
    seed.write_bytes(pair.seed)
    config = f"authorization {{ users: [ {{ nkey: {pair.public_key.decode()} }} ] }}"
    with NatsServer(config=config) as server:
        output = pulse_worker("check", server=server.url, nkey_file=str(seed))
        assert output.code == 0, output
        assert pulse_worker("check", server=server.url, own_process=True).code == 3


@pytest.mark.slow
def test_a_worker_verifies_the_server_with_a_ca_and_presents_its_certificate(
    tmp_path: Path, pulse_worker: PulseWorkerCommand
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
        output = pulse_worker("check", server=url, **certificates)
        assert output.code == 0, output
        assert "TLS" in output.text
        assert pulse_worker("check", server=url, connect_timeout="2", own_process=True).code == 3


def _certificates(folder: Path) -> dict[str, str]:
    """Create a CA, a server certificate for 127.0.0.1, and a client certificate."""

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


@pytest.mark.slow
def test_a_worker_authenticates_with_a_creds_file(
    tmp_path: Path, pulse_worker: PulseWorkerCommand
) -> None:
    config, credentials = _accounts(tmp_path)
    with NatsServer(config=config) as server:
        output = pulse_worker("check", server=server.url, credentials=credentials)
        assert output.code == 0, output
        assert pulse_worker("check", server=server.url, own_process=True).code == 3


def _accounts(folder: Path) -> tuple[str, Path]:
    """Create an operator with two accounts, one of them with JetStream and a user, like nsc."""
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
    storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    tokens = {
        "operator": _jwt(operator, operator, {"type": "operator"}),
        "system": _jwt(operator, system, {"type": "account", "limits": limits}),
        "account": _jwt(operator, account, {"type": "account", "limits": {**limits, **storage}}),
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


OTHER_INBOX = """authorization { users: [ { user: worker, password: p, permissions: {
    publish: { allow: ">" }, subscribe: { allow: ["_INBOX_worker.>", "pulse.>", "websocket.>"] }
} } ] }"""


@pytest.mark.slow
def test_a_user_with_another_inbox_prefix_is_advised_to_set_it(
    pulse_worker: PulseWorkerCommand,
) -> None:
    with NatsServer(config=OTHER_INBOX, user="worker", password="p") as server:
        output = pulse_worker("check", server=server.url)
        assert output.code == 1, output
        assert (
            "may not subscribe to _INBOX._pulse_check (needed for: server replies)" in output.text
        )
        assert "Set PULSE_INBOX_PREFIX" in output.text
        assert "nats-server -js" not in output.text
        assert len(output.lines_with("problem")) == 1
        before = time.monotonic()
        for command in ("run", "provision"):
            output = pulse_worker(command, server=server.url)
            assert output.code == 1, output
            assert "may not receive replies on _INBOX.>. Set PULSE_INBOX_PREFIX" in output.text
            assert "Is JetStream on" not in output.text
        assert time.monotonic() - before < 60
        output = pulse_worker("check", server=server.url, inbox_prefix="_INBOX_worker")
        assert output.code == 0, output
