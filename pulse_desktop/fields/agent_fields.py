"""The fields of agent calls."""

from pulse_desktop.fields.field_values import choices, free_text_field, number_values, text_values
from pulse_desktop.fields.names import worker_values
from pulse_desktop.protocol.timestamps import elapsed_since
from pulse_desktop.query.fields import Field, FieldKind, FieldSet, Values
from pulse_desktop.state.agent_calls import AgentCall
from pulse_desktop.text.translation import _, pgettext


def agent_fields() -> FieldSet[AgentCall]:
    """Return the fields of agent calls."""
    kind = FieldKind
    labels = {
        "running": pgettext("agent call", "running"),
        "finished": pgettext("agent call", "finished"),
        "failed": pgettext("agent call", "failed"),
        "unknown": pgettext("agent call", "unknown"),
    }
    return FieldSet[AgentCall](
        (
            Field(
                "state",
                kind.CHOICE,
                _("State"),
                lambda row, _now: (row.state,),
                choices(labels),
            ),
            Field("agent", kind.TEXT, _("Agent"), lambda row, _now: text_values(row.agent)),
            Field(
                "provider", kind.TEXT, _("Provider"), lambda row, _now: text_values(row.provider)
            ),
            Field("model", kind.TEXT, _("Model"), lambda row, _now: text_values(row.model)),
            Field("error", kind.TEXT, _("Error"), lambda row, _now: text_values(row.error)),
            Field(
                "fallback",
                kind.TEXT,
                _("Fallback for"),
                lambda row, _now: tuple(filter(None, (row.fallback_from, row.fallback_reason))),
            ),
            Field("latency", kind.DURATION, _("Latency"), _latency, time_dependent=True),
            Field("items", kind.NUMBER, _("Items"), lambda row, _now: number_values(row.items)),
            Field("tokens", kind.NUMBER, _("Tokens in and out"), _tokens),
            Field(
                "tokens_in",
                kind.NUMBER,
                _("Tokens in"),
                lambda row, _now: number_values(row.tokens_in),
            ),
            Field(
                "tokens_out",
                kind.NUMBER,
                _("Tokens out"),
                lambda row, _now: number_values(row.tokens_out),
            ),
            Field("cost", kind.NUMBER, _("Cost, US dollars"), _cost),
            Field("started", kind.TIME, _("Started"), lambda row, _now: (row.started_at,)),
            Field(
                "active", kind.TIME, _("End, or now while it runs"), _active, time_dependent=True
            ),
            Field("worker", kind.ID, _("Worker"), lambda row, _now: worker_values(row.worker)),
            Field("run", kind.ID, _("Task id"), lambda row, _now: text_values(row.task_id)),
            free_text_field(_text),
        ),
        _text,
        aliases={"time": "started"},
    )


def _latency(row: AgentCall, now: float) -> Values:
    if row.state == "running":
        return (max(0.0, now - elapsed_since(row.started_at, row.seen_at)),)
    return number_values(row.latency_s)


def _active(row: AgentCall, now: float) -> Values:
    if row.state == "running":
        return (max(now, row.started_at),)
    return (row.started_at + (row.latency_s or 0.0),)


def _tokens(row: AgentCall, _now: float) -> Values:
    if row.tokens_in is None and row.tokens_out is None:
        return ()
    return ((row.tokens_in or 0) + (row.tokens_out or 0),)


def _cost(row: AgentCall, _now: float) -> Values:
    return number_values(row.cost_usd)


def _text(row: AgentCall) -> str:
    names = row.agent, row.state, row.provider, row.model, row.task_id, row.worker
    return "\n".join((*names, row.error, row.fallback_from, row.fallback_reason)).casefold()
