"""Texts about attention items."""

import pytest

from pulse_desktop.state.attention import AttentionItem, AttentionKind, Severity
from pulse_desktop.text.attention_text import attention_detail, attention_title


def item(kind: AttentionKind, count: int = 1, cause: str = "", message: str = "") -> AttentionItem:
    return AttentionItem(
        Severity.BAD, kind, "app:embed", 0.0, count=count, cause=cause, message=message
    )


@pytest.mark.parametrize(
    ("shown", "title", "detail"),
    [
        (item(AttentionKind.FAILED, 5, "ProviderTimeout", "no answer"), "5 × ProviderTimeout", ""),
        (item(AttentionKind.FAILED, 1), "1 failure", ""),
        (item(AttentionKind.FAILED, 1_200), "1,200 failures", ""),
        (item(AttentionKind.SOFT_FAILED, 1), "1 soft failure", ""),
        (item(AttentionKind.SOFT_FAILED, 3), "3 soft failures", ""),
        (item(AttentionKind.OVERDUE, 2), "2 overdue", "no result yet"),
        (item(AttentionKind.WORKER_OFFLINE), "worker offline", "no heartbeat"),
        (item(AttentionKind.WORKERS_PAUSED, 3), "3 tasks wait", "paused or draining"),
        (
            item(AttentionKind.MISSING_TASKS, 2, message="a:b, c:d"),
            "2 unknown tasks",
            "this worker does not have a:b, c:d",
        ),
        (item(AttentionKind.PROVIDER_DOWN), "provider down", ""),
    ],
)
def test_the_title_and_the_detail_of_an_item(shown: AttentionItem, title: str, detail: str) -> None:
    assert attention_title(shown) == title
    assert attention_detail(shown) == (detail or shown.message)
