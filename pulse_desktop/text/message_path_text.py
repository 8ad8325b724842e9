"""Text about the path of a chat message through the stages."""

from typing import Final

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.chat_messages import MessageRow
from pulse_desktop.state.message_path import (
    MAX_PATH_RUNS,
    NOISE,
    UNKNOWN,
    MessagePath,
    PathStep,
)
from pulse_desktop.state.message_runs import Stage
from pulse_desktop.text import formats
from pulse_desktop.text.knowledge_text import message_text
from pulse_desktop.text.run_text import STATE_LABELS, state_label
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, pgettext

_WHOLE: Final = MessagePath(())

STAGE_LABELS: Final = {
    Stage.INGEST: pgettext("stage", "ingest"),
    Stage.SCORE: pgettext("stage", "score"),
    Stage.EMBED: pgettext("stage", "embed"),
    Stage.EXTRACT: pgettext("stage", "extract"),
    Stage.CORRECT: pgettext("stage", "correct"),
}
_UNKNOWN: Final = (_("not known"), "·", SemanticColor.FAINT)
_NOISE: Final = (_("nothing: noise"), "–", SemanticColor.MUTED)
_MAX_PREVIEW: Final = 200


def stages_text(step: PathStep) -> str:
    """Return the stages of a step: `score`, or `score, embed, extract`; empty if unknown."""
    return ", ".join(STAGE_LABELS[stage] for stage in step.stages)


def step_state(step: PathStep) -> tuple[str, str, SemanticColor]:
    """Return label, glyph and color of what is known of a step."""
    if step.status == NOISE:
        return _NOISE
    if step.run is None or step.status == UNKNOWN:
        return _UNKNOWN
    if step.is_done_by_event:
        return STATE_LABELS[RunState.SUCCEEDED]
    _label, glyph, color = STATE_LABELS[step.run.state]
    return state_label(step.run), glyph, color


def step_meaning(step: PathStep, path: MessagePath = _WHOLE) -> str:
    """Return from where a step of a path is known, or why it is not."""
    if step.status == NOISE and (step.task_id or path.is_complete):
        return _("The message was scored as noise: no knowledge is extracted from it.")
    if step.status == UNKNOWN and step.implied:
        return _(
            "Not known: a part of what this run did has failed, and no event says whether this "
            "stage of this message is among it."
        )
    if step.implied and step.status == RunState.SUCCEEDED.value:
        return _("Done: the run of an event of the message also has this stage, and succeeded.")
    if step.implied:
        return _("Not known yet: the run of an event of the message also has this stage.")
    if not step.task_id and not path.is_complete:
        return _("Not found yet: the runs are still being searched.")
    if not step.task_id and step.stages == (Stage.INGEST,):
        return _(
            "Not known: none of the retained events says which run read this message, and the "
            "arguments of ingest_messages are positions in a file, not messages."
        )
    if not step.task_id and path.is_limited:
        return _("Not known: only the last {count} runs that name this message were found.").format(
            count=MAX_PATH_RUNS
        )
    if not step.task_id:
        return _("Not known: none of the retained runs names this message for this stage.")
    if step.confirmed:
        return _confirmed_meaning(step)
    if len(step.stages) > 1:
        return _("The arguments name the message. It ran those of the stages that were due.")
    return _("The arguments name the message.")


def _confirmed_meaning(step: PathStep) -> str:
    """Return from where a step is known that an event names."""
    if step.run is None:
        return _("An event names this run, which is not among the retained ones.")
    if step.is_done_by_event:
        return _("An event says that it is done; the run has failed in another part.")
    return _("An event of the message names this run.")


def path_summary(path: MessagePath) -> str:
    """Return the path in one line: `ingest ✔ → score ✔ → embed · → extract ✖`."""
    parts = [
        f"{stages_text(step) or (step.run.name if step.run is not None else '')}"
        f" {step_state(step)[1]}"
        for step in path.steps
    ]
    return " → ".join(parts)


def message_preview(message_id: str, row: MessageRow | None) -> str:
    """Return author and text of a message in one line, or that its text is unknown."""
    text = message_text(row) if row is not None else ""
    if row is None or not (row.author or text):
        return _("message {id}: its text is unknown").format(id=message_id)
    return formats.elided(": ".join(filter(None, (row.author, text))), _MAX_PREVIEW)
