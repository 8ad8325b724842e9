"""Each kind of connection, right and wrong: which step fails, and what is said about it."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import nkeys
import pytest

from pulse_desktop.model.connection_step import StepKind, StepStatus
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from tests.kit.connection_steps import SilentServer, steps_of, steps_of_profile
from tests.kit.login_servers import (
    ACCOUNTS,
    SECRET,
    login_server,
    new_key,
    operator_config,
)
from tests.kit.nats_servers import NatsServer
from tests.kit.raw_http_server import RawHttpServer, http_response

ROOT = Path(__file__).parents[3]
OK, FAILED, SKIPPED = StepStatus.OK, StepStatus.FAILED, StepStatus.SKIPPED

pytestmark = [
    pytest.mark.slow,
    # nats-py's use of aiohttp, which programs of ours do not show
    pytest.mark.filterwarnings("ignore:parameter 'timeout':DeprecationWarning"),
]


def _sign(folder: Path, to: Path, name: str, days: int = 2) -> None:
    """Sign a certificate with the key in a folder; write it as cert.pem to another."""
    (to / "names").write_text(f"subjectAltName=DNS:{name}\n")
    key = str(folder / "key.pem")
    request = ("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", "request")
    signing = ("openssl", "x509", "-req", "-in", "request", "-signkey", key, "-extfile", "names")
    for command in (request, (*signing, "-days", str(days), "-out", "cert.pem")):
        subprocess.run(command, cwd=to, check=True, capture_output=True)


def _wrong(kind: str, right: dict[str, str], folder: Path) -> list[tuple[dict[str, str], Any, str]]:
    """Return wrong options of a kind: with the step that fails, and what is said."""
    login = (StepKind.LOGIN, "refused these credentials")
    none: tuple[dict[str, str], Any, str] = (
        {},
        StepKind.LOGIN,
        "requires a login, and none was given",
    )
    if kind == "token":
        return [none, ({"token": "wr0ng"}, *login)]
    if kind == "password":
        wrong = {"user": "ann", "password": "wr0ng"}
        return [none, (wrong, *login), ({**wrong, "user": "eve"}, *login), ({"token": "x"}, *login)]
    if kind == "nkey":
        other, _pair = new_key(nkeys.PREFIX_BYTE_USER)
        (folder / "other.nk").write_text(other)
        return [
            none,
            ({"nkey_file": str(folder / "other.nk")}, *login),
            ({"nkey_seed": other}, *login),
            ({"nkey_seed": "SUNOTASEED"}, StepKind.SETTINGS, "PULSE_NKEY_SEED: expected"),
            ({"nkey_file": str(folder / "no")}, StepKind.SETTINGS, "a readable file"),
        ]
    if kind == "credentials":
        other_file = folder / "other.creds"
        operator_config(other_file)
        return [
            none,
            ({"credentials": str(other_file)}, *login),
            ({"credentials_content": other_file.read_text()}, *login),
            ({"credentials_content": "hello"}, StepKind.SETTINGS, "expected the content"),
        ]
    if kind == "client certificate":
        ca = {"tls_ca": right["tls_ca"]}
        return [(ca, StepKind.TLS, "requires a client certificate")]
    if kind == "tls":
        return [
            ({}, StepKind.TLS, "self-signed certificate"),
            ({**right, "tls_first": "true"}, StepKind.TLS, "does not begin with TLS"),
            ({"tls_ca": str(folder / "no")}, StepKind.SETTINGS, "a readable file"),
        ]
    if kind == "tls first":
        ca = {"tls_ca": right["tls_ca"]}
        return [(ca, StepKind.TLS, "requires the TLS handshake first")]
    if kind == "wss":
        return [({}, StepKind.TLS, "self-signed certificate")]
    return []


KINDS = (
    *("token", "password", "nkey", "credentials", "client certificate", "tls", "tls first"),
    *("ws", "wss"),
)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_connection_right_and_wrong(kind: str, certificate: Path) -> None:
    with login_server(kind, certificate) as (url, right):
        variants = [right]
        for path, content in (
            ("credentials", "credentials_content"),
            ("nkey_file", "nkey_seed"),
        ):
            if path in right:
                variants.append({content: Path(right[path]).read_text()})
        for options in variants:
            test = await steps_of(url, **options)
            assert test.result.is_good, test.failed
            assert test.step(StepKind.LOGIN).status is OK
        for options, kind_of_step, text in _wrong(kind, right, certificate):
            test = await steps_of(url, **options)
            assert [each.kind for each in test.failed] == [kind_of_step], (options, test.failed)
            assert text in test.failed[0].detail, (options, test.failed)
            assert test.failed[0].advice, test.failed
            assert not test.result.is_connected
            for secret in (SECRET, "wr0ng"):
                assert secret not in repr(test.changes)


async def test_tls_says_who_and_until_when(certificate: Path) -> None:
    with login_server("tls", certificate) as (url, right):
        test = await steps_of(url, **right)
        step = test.step(StepKind.TLS)
        assert step.detail.startswith("TLSv1.3, certificate of localhost by localhost, valid until")
        assert step.status is StepStatus.WARNING  # the certificate of the tests: two days
        other = url.replace("localhost", "127.0.0.1")
        (failed,) = (await steps_of(other, **right)).failed
        assert failed.kind is StepKind.TLS
        assert "not valid for '127.0.0.1'" in failed.detail
        assert failed.advice == "Connect by a host name that the certificate is for."


async def test_an_expired_certificate_is_named(certificate: Path) -> None:
    _sign(certificate, certificate, "localhost", days=-1)
    with login_server("tls", certificate) as (url, right):
        (failed,) = (await steps_of(url, **right)).failed
    assert failed.kind is StepKind.TLS
    assert "certificate has expired" in failed.detail
    assert "Renew the certificate" in failed.advice


async def test_a_refused_client_certificate_is_named(certificate: Path) -> None:
    other = certificate / "other"
    other.mkdir()
    _sign(certificate, other, "other")
    with login_server("client certificate", certificate) as (url, right):
        wrong = {**right, "tls_cert": f"{other}/cert.pem"}
        test = await steps_of(url, **wrong)
    (failed,) = test.failed
    assert failed.kind is StepKind.TLS
    assert "client certificate" in failed.detail


async def test_a_server_without_tls_is_sent_nothing() -> None:
    with NatsServer(user="ann", password=SECRET) as server:
        tls, local = f"tls://ann:{SECRET}@{server.address}", f"tls://localhost:{server.port}"
        for address, options, kind, text in (
            (tls, {}, StepKind.TLS, "offers no TLS"),
            (local, {"tls_first": True}, StepKind.TLS, "does not begin with TLS"),
            (tls.replace("tls", "ws", 1), {}, StepKind.WEBSOCKET, "does not support WebSocket"),
        ):
            (failed,) = (await steps_of(address, **options)).failed
            assert failed.kind is kind
            assert text in failed.detail
            assert failed.advice


async def test_a_jetstream_domain_right_and_wrong(certificate: Path) -> None:
    with login_server("domain", certificate) as (url, right):
        test = await steps_of(url, **right)
        assert test.step(StepKind.JETSTREAM).detail == "enabled at $JS.hub.API"
        assert test.result.is_good, test.failed
        wrong = await steps_of(url, js_domain="other")
        assert "no JetStream answers in the domain other" in wrong.step(StepKind.JETSTREAM).detail
        assert "--js-domain" in wrong.step(StepKind.JETSTREAM).advice
        none = await steps_of(url)
        assert none.step(StepKind.JETSTREAM).status is FAILED
        assert "--js-domain" in none.step(StepKind.JETSTREAM).advice


async def test_an_api_prefix_right_and_wrong(certificate: Path) -> None:
    with login_server("api prefix", certificate) as (url, right):
        test = await steps_of(url, **right)
        assert test.step(StepKind.JETSTREAM).detail == "enabled at JS.app.API"
        assert test.step(StepKind.LOGIN).detail == "as ops, account OPS"
        assert test.result.is_good, test.failed
        for options, text in (({}, "no JetStream on"), ({"js_api_prefix": "JS.x.API"}, "JS.x.API")):
            step = (await steps_of(url, **options)).step(StepKind.JETSTREAM)
            assert step.status is FAILED
            assert text in step.detail
            assert "--js-api-prefix" in step.advice


async def test_an_inbox_prefix_right_and_wrong(certificate: Path) -> None:
    with login_server("inbox prefix", certificate) as (url, right):
        test = await steps_of(url, **right)
        assert test.result.is_good, test.failed
        assert test.step(StepKind.LOGIN).detail == "as ann"
        wrong = await steps_of(url)
        step = wrong.step(StepKind.PERMISSION, "replies")
        assert step.status is FAILED
        assert "--inbox-prefix (PULSE_INBOX_PREFIX)" in step.detail
        assert wrong.step(StepKind.JETSTREAM).status is StepStatus.WARNING


async def test_a_subject_prefix_right_and_wrong() -> None:
    users = (
        "authorization { users: [ { user: ann, password: p, permissions: { "
        'subscribe: ["_INBOX.>", "shop.websocket.*", "taskiq_tasks"], publish: [">"] } } ] }'
    )
    with NatsServer(config=users) as server:
        profile = server_profile(f"nats://ann:p@{server.address}")
        right = replace(profile, names=TaskiqNames(subject_prefix="shop"))
        assert (await steps_of_profile(right)).result.is_good
        for prefix, subject in (("", "websocket.*"), ("other", "other.websocket.*")):
            wrong = replace(profile, names=TaskiqNames(subject_prefix=prefix))
            test = await steps_of_profile(wrong)
            (failed,) = test.failed
            assert failed.purpose == "live events"
            assert f"may not subscribe to {subject}" in failed.detail


async def test_jetstream_that_is_off_is_named_and_the_rest_goes_on() -> None:
    with NatsServer(jetstream=False) as server:
        test = await steps_of(server.url)
    (failed,) = test.failed
    assert failed.kind is StepKind.JETSTREAM
    assert "runs without JetStream" in failed.detail
    assert "Start nats-server with -js" in failed.advice
    assert test.step(StepKind.PERMISSION, "live events").status is OK
    assert test.step(StepKind.PERMISSION, "results").status is SKIPPED
    assert test.step(StepKind.LOGIN).detail == "this server requires none"


async def test_an_account_without_jetstream_is_named() -> None:
    with NatsServer(config=ACCOUNTS.replace("jetstream: enabled, ", "")) as server:
        test = await steps_of(f"nats://app:app@{server.address}")
    assert [each.kind for each in test.failed] == [StepKind.JETSTREAM]
    assert test.step(StepKind.LOGIN).detail == "as app, account APP"


async def test_what_is_not_a_nats_server_is_named() -> None:
    async with SilentServer() as silent:
        (failed,) = (await steps_of(f"nats://127.0.0.1:{silent.port}")).failed
        assert failed.kind is StepKind.SERVER
        assert "did not answer like a NATS server in time" in failed.detail
        (failed,) = (await steps_of(f"tls://127.0.0.1:{silent.port}", tls_first=True)).failed
        assert failed.kind is StepKind.TLS
    async with RawHttpServer(http_response(b"{}")) as http:
        (failed,) = (await steps_of(f"nats://127.0.0.1:{http.port}")).failed
        assert failed.kind is StepKind.SERVER
    with NatsServer() as server:
        (failed,) = (await steps_of(f"nats://127.0.0.1:{server.monitor_port}")).failed
        assert failed.kind is StepKind.SERVER
        assert "NATS server" in failed.detail + failed.advice


async def test_an_unknown_host_name_fails_its_step() -> None:
    test = await steps_of("nats://no-such-host.invalid:4222")
    (failed,) = test.failed
    assert failed.kind is StepKind.NAME
    assert "the host name is unknown: no-such-host.invalid:4222" in failed.detail
    assert test.step(StepKind.TCP).status is SKIPPED


async def test_the_permissions_that_are_documented_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator and the viewer of packaging/nats, and the user of the guide."""
    passwords = {"worker": "w0rking", "operator": "operat1ng", "viewer": "v1ewing"}
    for role, password in passwords.items():
        monkeypatch.setenv(f"PULSE_{role.upper()}_PASSWORD", password)
    accounts = (ROOT / "packaging" / "nats" / "accounts.conf").read_text()
    with NatsServer(config=accounts) as server:
        for role, status in (("operator", OK), ("viewer", StepStatus.WARNING)):
            test = await steps_of(f"nats://{role}:{passwords[role]}@{server.address}")
            assert test.result.is_good, test.failed
            actions = {each.purpose: each.status for each in test.changes if each.purpose}
            assert actions["enqueue and re-run"] is status
            assert actions["delete results"] is status
    guide = (ROOT / "docs" / "operator-guide.md").read_text()
    found = re.search(r"```\n(authorization \{.*?)```", guide, re.DOTALL)
    assert found is not None
    with NatsServer(config=found[1].replace("secret", SECRET)) as server:
        test = await steps_of(f"nats://operator:{SECRET}@{server.address}")
        assert test.result.is_good, test.failed
        assert test.step(StepKind.PERMISSION, "enqueue and re-run").status is OK
