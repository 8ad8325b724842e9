"""Each kind of login and TLS, in both programs, and what is said when one is needed."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ConnectionFailedError
from pulse_workers.runtime.connection import connect

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.transport.connection import Connection
from tests.kit.background import in_background
from tests.kit.cli_process import command_environment, run_command
from tests.kit.login_servers import ACCOUNTS, login_server, operator_config, tls_config
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import Worker

TASK = "tests.kit.worker_tasks:return_text"


def _command_line(options: dict[str, str]) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", *([] if value == "true" else [value])]
    return words


async def _problem(url: str, **options: Any) -> CannotConnectError:
    connection = Connection(url, options=ConnectionOptions(**options))
    with pytest.raises(CannotConnectError) as caught:
        await connection.open()
    await connection.close()
    return caught.value


async def test_a_credentials_file_logs_in(tmp_path: Path) -> None:
    with login_server("credentials", tmp_path) as (url, options):
        connection = Connection(url, options=ConnectionOptions(**options))  # type: ignore[arg-type]
        await connection.open()
        assert connection.connected
        await connection.close()
        content = (tmp_path / "user.creds").read_text().replace("\n", " \r\n ")  # as pasted
        connection = Connection(url, options=ConnectionOptions(credentials_content=content))
        await connection.open()
        assert connection.connected
        await connection.close()
        error = await _problem(url)
    assert "requires a login" in error.detail
    assert "--credentials (PULSE_CREDENTIALS)" in error.advice


async def test_an_expired_credentials_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "user.creds"
    with NatsServer(config=operator_config(file, exp=int(time.time()) - 60)) as server:
        error = await _problem(server.url, credentials=str(file))
        content = file.read_text()
        inline = await _problem(server.url, credentials_content=content)
    assert "refused PULSE_CREDENTIALS_CONTENT: it expired at " in inline.detail
    assert not set(content.split()) & set(str(inline).split())
    assert f"refused {file}: it expired at " in error.detail
    assert "--credentials (PULSE_CREDENTIALS)" in error.advice


async def test_a_client_certificate_is_used_and_asked_for(certificate: Path) -> None:
    with login_server("client certificate", certificate) as (url, options):
        connection = Connection(url, options=ConnectionOptions(**options))  # type: ignore[arg-type]
        await connection.open()
        assert connection.connected
        await connection.close()
        error = await _problem(url, tls_ca=options["tls_ca"])
        assert "requires a client certificate" in error.detail
        assert "--tls-cert (PULSE_TLS_CERT)" in error.advice
        settings = {"PULSE_SERVER": url, "PULSE_TLS_CA": options["tls_ca"]}
        with pytest.raises(ConnectionFailedError, match="requires a client certificate"):
            await connect(Settings.model_validate({**settings, "PULSE_CONNECT_TIMEOUT": 1}), "test")


@pytest.mark.slow
async def test_a_server_that_requires_tls_first_is_recognized(certificate: Path) -> None:
    with login_server("tls first", certificate) as (url, options):
        error = await _problem(url, tls_ca=options["tls_ca"])
    assert "requires the TLS handshake first" in error.detail
    assert "--tls-first (PULSE_TLS_FIRST)" in error.advice


async def test_an_imported_jetstream_api_is_used_and_suggested() -> None:
    with NatsServer(config=ACCOUNTS) as server:
        url = f"nats://ops:ops@{server.address}"
        options = ConnectionOptions(js_api_prefix="JS.app.API")
        connection = Connection(url, options=options)
        await connection.open()
        assert connection.status.jetstream
        await connection.js.add_stream(name="S", subjects=["s"])
        assert (await connection.js.stream_info("S")).config.name == "S"
        await connection.close()
        wrong = ConnectionOptions(js_api_prefix="JS.other.API")
        for given, advice in ((ConnectionOptions(), "--js-api-prefix"), (wrong, "--js-domain")):
            connection = Connection(url, options=given)
            await connection.open()
            assert connection.jetstream_error is not None
            assert advice in connection.jetstream_error.advice
            await connection.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["credentials", "nkey", "client certificate", "tls first", "domain"]
)
@pytest.mark.parametrize("source", ["option", "variable"])
async def test_both_programs_log_in(
    kind: str, source: str, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("data")
    with login_server(kind, certificate) as (url, options):
        variables = {
            f"PULSE_{name.upper()}": value
            for name, value in {**options, "server": url}.items()
            if source == "variable"
        }
        words = ["--server", url, *_command_line(options)] if source == "option" else []
        environment = command_environment(folder, **variables)
        worker = Worker("run", server=url, log=folder / "log", **options)  # type: ignore[arg-type]
        try:
            await wait_until(lambda: "worker-1" in worker.log, 20)
            run = ("run", TASK, "--args", "[3]", "--force", "--wait", "20", "--json", *words)
            status = await asyncio.to_thread(
                run_command, "status", "--json", *words, env=environment
            )
            assert status.code == 0, status
            assert status.object["connected"]
            sent = await asyncio.to_thread(run_command, *run, env=environment)
            assert sent.code == 0, sent
        finally:
            worker.close()


def _context(options: dict[str, str], url: str, *, embed: bool) -> dict[str, Any]:
    """Return a context as the NATS CLI writes it, with `--embed` or with paths."""
    names = {
        "credentials": "creds",
        "nkey_file": "nkey",
        "tls_ca": "ca",
        "tls_cert": "cert",
        "tls_key": "key",
        "tls_first": "tls_first",
        "js_domain": "jetstream_domain",
    }
    fields: dict[str, Any] = {names[name]: value for name, value in options.items()}
    if "tls_first" in fields:
        fields["tls_first"] = True
    for name in ("creds", "nkey"):
        if embed and name in fields:
            content = base64.b64encode(Path(fields[name]).read_bytes()).decode()
            fields[name] = f"data:;base64,{content}"
    return {**fields, "url": url}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "embed"),
    [
        ("credentials", False),
        ("credentials", True),
        ("nkey", False),
        ("nkey", True),
        ("client certificate", False),
        ("tls first", False),
        ("domain", False),
    ],
)
async def test_a_context_of_the_nats_cli_logs_in(
    kind: str, embed: bool, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("config")
    file = folder / "nats" / "context" / "shop.json"
    file.parent.mkdir(parents=True)
    environment = command_environment(folder / "data", XDG_CONFIG_HOME=str(folder))
    with login_server(kind, certificate) as (url, options):
        context = _context(options, url, embed=embed)
        file.write_text(json.dumps(context))
        words = ("status", "--profile", "nats:shop", "--json")
        right = await asyncio.to_thread(run_command, *words, env=environment)
        assert right.code == 0, right
        assert right.object["connected"]
        # Without what the server asks for, the same context does not connect.
        file.write_text(json.dumps({"url": url}))
        wrong = await asyncio.to_thread(run_command, *words, env=environment)
        assert wrong.code == (0 if kind == "domain" else 3), wrong
        assert "Traceback" not in wrong.err


@pytest.mark.slow
async def test_a_refused_inbox_names_the_option() -> None:
    users = (
        "authorization { users: [ { user: ann, password: s3cret, permissions: { "
        'subscribe: ["_INBOX.ann.>", "websocket.*", "taskiq_tasks"], '
        'publish: ["$JS.API.>", "taskiq_tasks"] } } ] }'
    )
    with NatsServer(config=users) as server:
        url = f"nats://ann:s3cret@{server.address}"
        for prefix, is_available in (("_INBOX.ann", True), ("", None)):
            connection = Connection(url, options=ConnectionOptions(inbox_prefix=prefix))
            await connection.open()
            assert connection.status.jetstream is is_available
            problems = "".join(connection.violations.problems)
            assert ("--inbox-prefix (PULSE_INBOX_PREFIX)" in problems) is (prefix == "")
            await connection.close()


@pytest.mark.parametrize("more", ["verify: true", "verify_and_map: true"])
async def test_a_missing_client_certificate_is_named_each_time(
    certificate: Path, more: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's alert arrives before or after what the client sends, or is lost."""
    with NatsServer(config=tls_config(certificate, more)) as server:
        url = f"tls://localhost:{server.port}"
        for _ in range(10):
            error = await _problem(url, tls_ca=f"{certificate}/cert.pem")
            assert "requires a client certificate" in error.detail
    assert caplog.text == ""


@pytest.mark.slow
async def test_no_raw_line_is_logged_when_tls_connections_are_lost(
    certificate: Path, caplog: pytest.LogCaptureFixture, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("data")
    with NatsServer(config=tls_config(certificate)) as server:
        url, ca = f"tls://localhost:{server.port}", f"{certificate}/cert.pem"
        connection = Connection(url, options=ConnectionOptions(tls_ca=ca))
        worker = Worker("run", server=url, log=folder / "log", tls_ca=ca)
        try:
            async with in_background(connection.run()):
                await wait_until(lambda: connection.connected and "worker-1" in worker.log, 20)
                for _ in range(2):
                    server.stop()
                    await wait_until(lambda: not connection.connected)
                    server.start()
                    await wait_until(lambda: connection.connected)
                await wait_until(lambda: "reconnected" in worker.log, 20)
        finally:
            worker.close()
            await connection.close()
    for text in (caplog.text, worker.log):
        assert "eof_received" not in text
        assert "nexpected" not in text
        assert "Errno" not in text
    assert caplog.text == ""
