"""Attention items, grouped and sorted."""

from pulse_desktop.state.attention import AttentionKind, attention_items
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    fold_body,
    heartbeat,
    result_body,
    state_of,
    stored_object,
    task_event,
    task_message,
)


def test_attention_items_are_grouped_by_cause_with_the_worst_first() -> None:
    messages = [heartbeat()]
    for number in range(3):
        task_id = f"{number:032x}"
        messages += [
            task_event("started", NOW, task_id),
            task_event("failed", NOW + number, task_id, error={"type": "E", "message": "m"}),
        ]
    soft = stored_object(NOW + 5, "f" * 32)
    overdue = task_message(NOW, "e" * 32)
    state = state_of(*messages, soft, overdue)
    fold_body(state, soft, result_body("Error: no"))
    state.tick(NOW + 400)
    found = attention_items(state, NOW + 400)
    assert [(each.kind, each.count) for each in found] == [
        (AttentionKind.FAILED, 3),
        (AttentionKind.WORKER_OFFLINE, 1),
        (AttentionKind.SOFT_FAILED, 1),
        (AttentionKind.OVERDUE, 1),
    ]
    assert found[0].task_ids == ("2".zfill(32), "1".zfill(32), "0".zfill(32))
    assert (found[0].target, found[0].cause, found[0].message) == (NAME, "E", "m")
    assert found[2].message == "Error: no"
    assert [each.kind for each in attention_items(state, NOW + 9_000)] == ["overdue"]


def test_a_worker_without_the_tasks_of_its_queue_needs_attention() -> None:
    second = heartbeat(missing_tasks=["shop:pay", "a:b"], unknown_tasks={"shop:pay": 3, "c:d": 1})
    state = state_of(heartbeat(worker="w2"), second)
    (item,) = attention_items(state, NOW)
    assert (item.kind, item.count, item.message) == (
        AttentionKind.MISSING_TASKS,
        3,
        "a:b, c:d, shop:pay",
    )
    assert [each.kind for each in attention_items(state, NOW + 100)] == ["worker", "worker"]
    state.fold([heartbeat(NOW + 100, missing_tasks=7, unknown_tasks="odd")])
    assert [each.kind for each in attention_items(state, NOW + 100)] == ["worker"]


def test_tasks_that_wait_while_every_worker_is_paused_need_attention() -> None:
    waiting = [task_message(NOW, "e" * 32), task_message(NOW, "f" * 32)]
    paused = state_of(heartbeat(paused=True), heartbeat(worker="w2", draining=True), *waiting)
    (item,) = attention_items(paused, NOW)
    assert (item.kind, item.count) == (AttentionKind.WORKERS_PAUSED, 2)
    assert attention_items(state_of(heartbeat(paused=True)), NOW) == [], "nothing waits"
    one_ready = state_of(heartbeat(paused=True), heartbeat(worker="w2"), *waiting)
    assert attention_items(one_ready, NOW) == []
