"""Every event has a summary in one line, whatever its fields contain."""

from typing import Any

import pytest

from pulse_desktop.protocol.event import decode_event, encode_event
from pulse_desktop.protocol.topics import TASK_TOPIC
from pulse_desktop.text.event_text import MAX_LENGTH, call_text, event_summary


def summary(topic: str, type_: str, data: dict[str, Any]) -> str:
    _, raw = encode_event(topic, type_, data, source="worker-1@host:1", now=1_763_894_400.0)
    return event_summary(decode_event(topic, raw, 1_763_894_400.0))


@pytest.mark.parametrize(
    ("type_", "data", "expected"),
    [
        (
            "task.queued",
            {
                "task_name": "workers.tasks.ingestion:ingest",
                "args": ["a.json"],
                "kwargs": {"n": 5},
            },
            'ingest("a.json", n=5)',
        ),
        (
            "task.started",
            {"task_name": "m:embed", "worker": "worker-2@h:1", "attempt": 2},
            "embed started on worker-2@h:1, attempt 2",
        ),
        (
            "task.failed",
            {
                "task_name": "m:embed",
                "will_retry": True,
                "error": {"type": "Timeout", "message": "no answer"},
            },
            "embed · Timeout: no answer · will be retried",
        ),
        (
            "task.succeeded",
            {"task_name": "m:embed", "run_s": 1.25, "result_bytes": 412},
            "embed · took 1.25 s · result 412 B",
        ),
        (
            "worker.heartbeat",
            {"worker": "w", "busy": 2, "slots": 10, "cpu_percent": 12.4, "rss_bytes": 84e6},
            "w · 2 of 10 slots busy · CPU 12 % · 84 MB",
        ),
        ("worker.heartbeat", {"worker": "w", "busy": 2, "slots": None}, "w · 2 busy"),
        (
            "task.log",
            {
                "first": 9,
                "skipped": 1_500,
                "lines": [
                    {"level": "INFO", "logger": "shop", "text": "a"},
                    {"level": "ERROR", "logger": "shop", "text": "not packed\nTraceback"},
                ],
            },
            "ERROR shop: not packed · 1,501 more lines",
        ),
        (
            "scheduler.heartbeat",
            {"scheduler": "feed@vm:7", "schedules": 3, "broken": 1, "paused": 2, "sent": 1204},
            "feed@vm:7 · 3 schedules · 1 broken · 2 paused · 1,204 sent",
        ),
        (
            "message.scored",
            {"importance_score": 0.814, "classification": "weak_signal"},
            "0.81 weak signal",
        ),
        (
            "message.new",
            {"author": "Oksana", "content": "Deploy is done"},
            "Oksana: Deploy is done",
        ),
        (
            "provider.checked",
            {"provider": "ollama", "status": "error", "error": "refused"},
            "ollama error · refused",
        ),
        (
            "knowledge.extraction_completed",
            {"message_count": 12, "topics_created": 1, "atoms_created": 3},
            "12 messages, 1 new topic, 3 new atoms",
        ),
        (
            "agent.finished",
            {"agent": "analysis", "fallback_from": "cloud/large", "fallback_reason": "HTTP 500"},
            "analysis · HTTP 500, instead of cloud/large",
        ),
        ("unheard.of", {"b": 1, "nothing": None, "many": [1, 2, 3, 4, 5]}, "b=1, many=[5 items]"),
    ],
)
def test_the_summary_of_an_event(type_: str, data: dict[str, Any], expected: str) -> None:
    assert summary("tasks", type_, data) == expected


def test_a_task_message_is_summarized_as_a_call() -> None:
    raw = b'{"task_id": "1", "task_name": "m:f", "args": ["x"], "kwargs": {"days": 7}}'
    event = decode_event("taskiq", raw, 0.0)
    event.type, event.problem = "m:f", ""
    assert event_summary(event) == '("x", days=7)'


@pytest.mark.parametrize(
    "type_", ["task.queued", "task.failed", "worker.heartbeat", "agent.finished", "message.scored"]
)
@pytest.mark.parametrize("value", [None, "text", 5, [1], {"a": 1}, 1e300, "x" * 5000])
def test_fields_of_the_wrong_type_never_raise(type_: str, value: object) -> None:
    names = "task_name args kwargs error worker busy slots cpu_percent agent items latency_s"
    names += " importance_score classification fallback_from fallback_reason"
    data: dict[str, object] = dict.fromkeys(names.split(), value)
    text = summary("tasks", type_, data)
    assert len(text) <= MAX_LENGTH
    assert "\n" not in text


def test_the_summary_of_an_unreadable_event_is_its_problem() -> None:
    assert event_summary(decode_event("tasks", b"\xff", 0.0)).startswith("not ")


def test_right_to_left_values_are_isolated_from_what_is_around_them() -> None:
    body = {"args": ["שלום", 5], "kwargs": {"שם": "x", "plain": "y"}}
    text = summary(TASK_TOPIC, "embed", body)
    assert '\u2068"שלום"\u2069, 5, \u2068שם\u2069="x", plain="y"' in text
    spoofed = summary("tasks", "unheard.of", {"name": "a\u202egnp.exe"})
    assert "\u202e" not in spoofed


def test_tasks_of_the_same_name_are_told_apart_in_summaries() -> None:
    data = {"task_name": "shop.sms:send", "worker": "w", "task_id": "1"}
    raw = encode_event("tasks", "task.started", data, source="w", now=0.0)[1]
    event = decode_event("tasks", raw, 0.0)
    assert event_summary(event) == "send started on w"
    assert event_summary(event, lambda _name: "sms:send") == "sms:send started on w"


def test_long_lists_and_objects_say_what_they_count() -> None:
    args, kwargs = [list(range(12)), [12]], {"options": dict.fromkeys("abcde")}
    assert call_text(args, kwargs) == "[12 items], [12], options={5 keys}"
