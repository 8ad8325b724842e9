"""Text about attention items."""

from collections.abc import Callable

from pulse_desktop.state.attention import AttentionItem, AttentionKind, QuietFailures
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import translated_reason
from pulse_desktop.text.translation import _, ngettext


def attention_title(item: AttentionItem) -> str:
    """Return what happened, such as `5 × ProviderTimeout` or `worker offline`."""
    match item.kind:
        case AttentionKind.WORKER_OFFLINE:
            return _("worker offline")
        case AttentionKind.PROVIDER_DOWN:
            return _("provider down")
        case AttentionKind.WORKERS_PAUSED:
            text = ngettext("{count} task waits", "{count} tasks wait", item.count)
        case AttentionKind.MISSING_TASKS:
            text = ngettext("{count} unknown task", "{count} unknown tasks", item.count)
        case AttentionKind.OVERDUE:
            text = ngettext("{count} overdue", "{count} overdue", item.count)
        case AttentionKind.SOFT_FAILED:
            text = ngettext("{count} soft failure", "{count} soft failures", item.count)
        case AttentionKind.FAILED if item.is_rest:
            text = ngettext(
                "{count} failure of another kind", "{count} failures of other kinds", item.count
            )
        case AttentionKind.FAILED if item.cause:
            text = _("{count} × {cause}")
        case AttentionKind.FAILED:
            text = ngettext("{count} failure", "{count} failures", item.count)
    return text.format(count=formats.count(item.count), cause=item.cause)


def quiet_text(quiet: QuietFailures, total: int) -> str:
    """Return how many of some failures are muted or resolved, empty if none is."""
    texts = []
    if quiet.muted:
        texts.append(ngettext("{count} muted", "{count} muted", quiet.muted))
    if quiet.resolved:
        texts.append(ngettext("{count} resolved", "{count} resolved", quiet.resolved))
    if len(texts) == 1 and sum(quiet) >= total:
        return _("all muted") if quiet.muted else _("all resolved")
    counts = [count for count in quiet if count]
    named = zip(texts, counts, strict=True)
    return ", ".join(text.format(count=formats.count(count)) for text, count in named)


def attention_target(
    item: AttentionItem, task_label: Callable[[str], str], worker_label: Callable[[str], str]
) -> str:
    """Return the short name of what it is about: a task, a worker or a provider.

    Args:
        item: the item.
        task_label: returns the short name of a task.
        worker_label: returns the short name of a worker.
    """
    match item.kind:
        case AttentionKind.WORKER_OFFLINE | AttentionKind.MISSING_TASKS:
            return worker_label(item.target)
        case AttentionKind.PROVIDER_DOWN:
            return item.target
        case AttentionKind.WORKERS_PAUSED:
            return _("all workers")
        case _ if item.is_rest:
            return _("other tasks") if item.kind is AttentionKind.OVERDUE else _("various tasks")
        case _:
            return task_label(item.target)


def attention_detail(item: AttentionItem) -> str:
    """Return more about it, such as the error's message; empty if there is nothing more."""
    match item.kind:
        case AttentionKind.WORKER_OFFLINE:
            return _("no heartbeat")
        case AttentionKind.WORKERS_PAUSED:
            return _("paused or draining")
        case AttentionKind.OVERDUE:
            return _("no result yet")
        case AttentionKind.MISSING_TASKS:
            return _("this worker does not have {names}").format(names=item.message)
        case _:
            return translated_reason(item.message)
