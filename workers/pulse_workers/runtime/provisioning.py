"""Streams and buckets of workers, created with the limits of the settings."""

import contextlib
from collections.abc import Iterator
from typing import Final

from nats.js import JetStreamContext
from nats.js.errors import APIError

from pulse_desktop.nats_client import provisioning
from pulse_desktop.nats_client.client import client_of, server_info
from pulse_desktop.nats_client.jetstream import (
    REPLICAS_CODE,
    JetStreamState,
    state_of_error,
    unavailable_error,
)
from pulse_desktop.nats_client.permission_violations import parse_violation
from pulse_desktop.nats_client.provisioning import Provisioned, StreamLimits, SubjectsOverlapError
from pulse_desktop.text.translation import _
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS, ProvisionError

MESSAGES: Final = "pulse_messages"
SCORES: Final = "pulse_scores"
EMBEDDINGS: Final = "pulse_embeddings"
STAGES: Final = "pulse_stages"
KNOWLEDGE: Final = "pulse_knowledge"
STATE: Final = "pulse_state"
STORE_BUCKETS: Final = (MESSAGES, SCORES, STAGES, EMBEDDINGS, KNOWLEDGE, STATE)


async def provision(js: JetStreamContext, settings: Settings) -> Provisioned:
    """Create what is missing.

    Raises:
        ProvisionError: JetStream is off, or rejects a request.
    """
    with explain_errors(js, settings):
        return await provisioning.provision(
            js,
            _limits(settings),
            is_refused=lambda: bool(_denied_permission(js, settings)),
        )


async def enlarge_store(js: JetStreamContext, settings: Settings) -> tuple[str, ...]:
    """Enlarge the buckets of the store that are smaller than the settings say; return their names.

    Raises:
        ProvisionError: JetStream rejects a request, such as for lack of storage or permission.
    """
    with explain_errors(js, settings):
        return await provisioning.enlarge_store(js, _limits(settings))


async def provision_schedules(js: JetStreamContext, settings: Settings) -> bool:
    """Create the bucket for schedules; return False if it existed.

    Raises:
        ProvisionError: JetStream is off, or rejects a request.
    """
    with explain_errors(js, settings):
        return await provisioning.provision_schedules(js, _limits(settings))


async def ensure_task_consumer(js: JetStreamContext, settings: Settings) -> float:
    """Create the durable pull consumer if it is missing; return its ack wait in seconds."""
    return await provisioning.ensure_task_consumer(js, settings.ack_wait)


def planned_subjects(settings: Settings) -> dict[str, list[str]]:
    """Return the subjects of each stream that `provision` creates when missing, by its name."""
    return {
        str(config.name): list(config.subjects or ())
        for config in provisioning.planned_streams(_limits(settings))
    }


@contextlib.contextmanager
def explain_errors(js: JetStreamContext, settings: Settings) -> Iterator[None]:
    """Turn the errors of JetStream requests into a `ProvisionError` with a text for the operator.

    Raises:
        ProvisionError: a request failed.
    """
    server = settings.redacted_server
    try:
        yield
    except APIError as error:
        info = server_info(client_of(js))
        state = state_of_error(error, info)
        if state is JetStreamState.SERVER_OFF:
            reason = _("JetStream is off, and without it results cannot be stored.")
            raise ProvisionError(
                f"{server}: {reason} {unavailable_error(state, info).advice}"
            ) from None
        if state is not None:
            problem = unavailable_error(state, info)
            raise ProvisionError(f"{server}: {problem.detail} {problem.advice}") from None
        if isinstance(error, SubjectsOverlapError):
            text = f"{server}: {error.stream}: {error.detail}. {error.advice}"
            raise ProvisionError(text) from error
        if error.err_code == REPLICAS_CODE:
            advice = _("Set PULSE_REPLICAS=1, or connect to a cluster.")
            raise ProvisionError(f"{server}: {error.description}. {advice}") from error
        raise ProvisionError(f"{server}: {error.description}") from error
    except OUTAGE_ERRORS as error:
        if denied := _denied_permission(js, settings):
            raise ProvisionError(f"{server}: {denied}") from None
        raise ProvisionError(
            _(
                "{server} does not answer JetStream requests ({error}). Is JetStream on, and may "
                "this user use it?"
            ).format(server=server, error=type(error).__name__)
        ) from error


def reply_advice() -> str:
    """Return what to do when a user may not receive replies."""
    return _(
        "Set PULSE_INBOX_PREFIX to where this user may receive replies; with "
        "packaging/nats/accounts.conf that is _INBOX_worker for workers."
    )


def _denied_permission(js: JetStreamContext, settings: Settings) -> str:
    """Return the permission that the server refused last on a connection; empty if none."""
    violation = parse_violation(str(client_of(js).last_error or ""))
    if violation is None:
        return ""
    if violation.action == "publish":
        return _(
            "this user may not publish on {subject}. packaging/nats/accounts.conf shows the "
            "permissions of each role."
        ).format(subject=violation.subject)
    if violation.subject.lower().startswith(f"{settings.inbox_prefix}.".lower()):
        denied = _("this user may not receive replies on {inbox}.").format(
            inbox=f"{settings.inbox_prefix}.>"
        )
        return f"{denied} {reply_advice()}"
    return ""  # another subscription, which need not be why there is no answer


def _limits(settings: Settings) -> StreamLimits:
    return StreamLimits(
        task_stream=settings.broker == "jetstream",
        ack_wait=settings.ack_wait,
        replicas=settings.replicas,
        task_max_age=settings.task_max_age,
        task_max_bytes=settings.task_max_bytes,
        event_max_age=settings.event_max_age,
        event_max_bytes=settings.event_max_bytes,
        result_ttl=settings.result_ttl,
        result_max_bytes=settings.result_max_bytes,
        store_buckets=STORE_BUCKETS,
        store_ttl=settings.store_ttl,
        store_max_bytes=settings.store_max_bytes,
        schedule_bucket=settings.schedule_bucket,
        schedule_max_bytes=settings.schedule_max_bytes,
    )
