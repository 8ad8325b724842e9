"""`pulse-worker check` notices each permission of packaging/nats that a worker lacks."""

import json
import re

import pytest
from pulse_workers.checks.command import check
from pulse_workers.config.settings import Settings

from tests.kit.nats_servers import NatsServer
from tests.kit.worker_processes import ROOT

ACCOUNTS = (ROOT / "packaging" / "nats" / "accounts.conf").read_text()
ANSWERS = "allow_responses"
FOR_CORE = {
    ("publish", "pulse.takers"),
    ("subscribe", "pulse.takers"),
    ("subscribe", "taskiq_tasks"),
}
ALL = ("", "")


def _granted() -> list[tuple[str, str]]:
    """What the file grants to a worker: `publish` or `subscribe`, and the subject."""
    found = re.search(r"(?ms)^WORKER_MAY \{\n(.*?)^\}", ACCOUNTS)
    assert found
    text = re.sub(r"(?m)#.*$", "", found[1])
    publish, subscribe = text.split("subscribe {")
    assert ANSWERS in subscribe
    subscribe = subscribe.partition(ANSWERS)[0]
    granted = [("publish", subject) for subject in re.findall(r'"([^"]+)"', publish)]
    return granted + [("subscribe", subject) for subject in re.findall(r'"([^"]+)"', subscribe)]


GRANTED = _granted()
LACKING = [ALL, *GRANTED, (ANSWERS, "")]


def _user(number: int, lacking: tuple[str, str]) -> str:
    """A user who has everything but one."""
    kept = [one for one in GRANTED if one != lacking]
    parts = [
        f"{verb}: {{ allow: {json.dumps([subject for of, subject in kept if of == verb])} }}"
        for verb in ("publish", "subscribe")
    ]
    if lacking[0] != ANSWERS:
        parts.append(f"{ANSWERS}: true")
    return f"{{ user: u{number}, password: p, permissions: {{ {', '.join(parts)} }} }}"


async def test_each_permission_of_a_worker_is_noticed_when_it_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    users = ", ".join(_user(number, lacking) for number, lacking in enumerate(LACKING))
    unnoticed = []
    with NatsServer(config=f"authorization {{ users: [ {users} ] }}") as server:
        for number, lacking in enumerate(LACKING):
            settings = Settings(
                server=f"nats://u{number}:p@{server.address}",
                inbox_prefix="_INBOX_worker",
                broker="core" if lacking in FOR_CORE else "jetstream",
            )
            code = await check(settings, config="/dev/null", as_json=True)
            told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            refused = [finding for finding in told if finding["status"] != "ok"]
            if lacking == ALL:
                assert (code, refused) == (0, [])
            elif not refused:
                unnoticed.append(lacking)
    assert unnoticed == []
