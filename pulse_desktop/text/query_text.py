"""Text about queries: why nothing matches."""

from pulse_desktop.query.explanation import Explanation, Reason
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext


def explanation_text(explanation: Explanation, rows: str = "") -> str:
    """Return a reason why nothing matches, as a sentence.

    Args:
        explanation: the reason.
        rows: how many rows it says were found, such as "31 runs"; empty for a text about rows.
    """
    condition, close = explanation.condition, explanation.close
    match explanation.reason:
        case Reason.HIDES:
            if not rows:
                rows = ngettext("{count} row", "{count} rows", explanation.count).format(
                    count=formats.count(explanation.count)
                )
            return ngettext(
                "Without {condition} there is {rows}.",
                "Without {condition} there are {rows}.",
                explanation.count,
            ).format(condition=condition, rows=rows)
        case Reason.TEXT_NEVER:
            return _("Nothing contains “{text}”.").format(text=condition)
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
