"""Text about queries: why nothing matches."""

from collections.abc import Iterable
from itertools import islice

from pulse_desktop.query.explanation import MAX_REASONS, MAX_ROWS, Explanation, Reason
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext


def explanation_sentences(explanations: Iterable[Explanation], *, is_complete: bool) -> list[str]:
    """Return the first reasons why nothing matches as sentences, none if there is no reason.

    Args:
        explanations: the reasons, the most useful first.
        is_complete: whether all rows were looked at, and not only the newest ones.
    """
    found = [explanation_text(each) for each in islice(explanations, MAX_REASONS)]
    if found and not is_complete:
        found.append(_("Looked at the newest {count} rows.").format(count=formats.count(MAX_ROWS)))
    return found


def explanation_text(explanation: Explanation) -> str:
    """Return a reason why nothing matches, as a sentence."""
    condition, close = explanation.condition, explanation.close
    match explanation.reason:
        case Reason.HIDES:
            return ngettext(
                "Without {condition} there is {count} row.",
                "Without {condition} there are {count} rows.",
                explanation.count,
            ).format(condition=condition, count=formats.count(explanation.count))
        case Reason.TEXT_NEVER:
            return _("Nothing contains “{text}”.").format(text=condition)
        case Reason.ARGUMENT:
            return _(
                "Nothing matches {condition} ({title}). Did you mean the argument, {argument}?"
            ).format(condition=condition, title=explanation.title, argument=close)
        case Reason.FIELD_NEVER if close:
            return _("Nothing has “{field}”. Did you mean “{close}”?").format(
                field=condition, close=close
            )
        case Reason.FIELD_NEVER:
            return _("Nothing has “{field}”.").format(field=condition)
        case _ if close:
            return _("Nothing matches {condition}. There is “{close}”.").format(
                condition=condition, close=close
            )
        case _:
            return _("Nothing matches {condition}.").format(condition=condition)
