"""Middleware for the broker of any TaskIQ project.

    from pulse_workers import PulseMiddleware

    broker = NatsBroker("nats://localhost:4222").with_middlewares(PulseMiddleware())

Pulse Desktop then shows starts, progress, log lines, outcomes, errors with their traceback, retries
and the workers, and cancels tasks. The broker, its results and its tasks stay as they are. While
the server is unreachable, tasks run on and events are buffered.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from taskiq import (
    InMemoryBroker,
    SimpleRetryMiddleware,
    SmartRetryMiddleware,
    TaskiqMessage,
    TaskiqResult,
)
from taskiq.exceptions import NoResultError

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.control import ANNOUNCE, CANCEL, PING
from pulse_workers.config.known_secrets import KNOWN_SECRETS, without_secrets
from pulse_workers.config.settings import Settings
from pulse_workers.control.listener import ControlListener
from pulse_workers.control.task_commands import TaskCommands
from pulse_workers.errors import (
    OUTAGE_ERRORS,
    ConnectionFailedError,
    ResultNotStoredError,
    SettingsError,
)
from pulse_workers.execution.cancellation import Cancellation, CancelledIds
from pulse_workers.execution.delivery import Delivery, current_delivery
from pulse_workers.execution.interrupt import make_interruptible
from pulse_workers.execution.receiver_delivery import (
    RETRY_LABEL,
    ReceiverDelivery,
    retry_count,
    to_count,
)
from pulse_workers.execution.running_tasks import RunningTask
from pulse_workers.registry import decorator_labels
from pulse_workers.results.observer import ResultObserver
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.telemetry.event_middleware import (
    DeliveryEventMiddleware,
    describe_timeout,
    log_errors,
)
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.telemetry.heartbeat import Heartbeat
from pulse_workers.telemetry.load import SlotTime

logger = logging.getLogger("pulse.workers.middleware")

_CLOSE_TIMEOUT_S: Final = 3.0
"""Less than TaskIQ's default of 5 s for shutting down."""
_DEFAULT_NAME: Final = "taskiq"
_CONNECT_RETRY_S: Final = 5.0
_STABLE_S: Final = 60.0
"""A connection that lasts longer is reported when it is closed, also for the same reason."""
_CONNECT_ERRORS: Final = (ConnectionFailedError, SettingsError, UserFacingError, *OUTAGE_ERRORS)
_SECRET_ARGUMENTS: Final = ("password", "token", "nkeys_seed_str")
_LOGIN_ARGUMENTS: Final = (
    "user",
    "password",
    "token",
    "tls",
    "tls_hostname",
    "tls_handshake_first",
    "user_credentials",
    "nkeys_seed",
    "nkeys_seed_str",
    "signature_cb",
    "user_jwt_cb",
    "inbox_prefix",
)


class PulseMiddleware(DeliveryEventMiddleware):
    """Publishes the events of tasks; in a worker process also heartbeats, and cancels tasks.

    Attributes:
        running: tasks in progress, by the delivery's number.
        slot_time: busy time of this process.
        finished: number of tasks that have ended here.
        cancelled: ids of tasks that must not run, however they are delivered.
    """

    def __init__(
        self,
        server: str = "",
        *,
        name: str = "",
        slots: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Configure the connection; it is opened when the broker starts.

        Args:
            server: URL of the NATS server, or several separated by commas; wins over `settings`.
                Without both, a NATS broker's servers and login are used.
            name: first part of this process's identity `name@host:pid`; `taskiq` by default, so
                that it is not taken for a `pulse-worker`.
            slots: how many tasks a worker process runs concurrently, shown with its load.
            settings: credentials, TLS, heartbeat interval, whether commands are accepted and log
                lines published, as `load_settings()` returns them from the environment and
                settings files.
        """
        self._is_configured = bool(server or settings)
        settings = settings or Settings()
        if not name and settings.worker_name == Settings().worker_name:
            name = _DEFAULT_NAME
        changes = {"server": server, "worker_name": name}
        self._settings = settings.model_copy(update={k: v for k, v in changes.items() if v})
        self._slots = slots
        self._publisher = EventPublisher(self._settings, self._settings.identity)
        super().__init__(
            self._publisher,
            self._settings.identity,
            task_log=self._settings.task_log,
            secrets=self._settings.secrets,
        )
        self.running: dict[int, RunningTask] = {}
        self.slot_time = SlotTime()
        self.finished = 0
        self.cancelled = CancelledIds()
        self._heartbeat: Heartbeat | None = None
        self._control: ControlListener | None = None
        self._observer: ResultObserver | None = None
        self._background = PeriodicTasks()
        self._is_beating = False
        self._connecting: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Start connecting, and in a worker process prepare to follow and to cancel tasks."""
        settings, arguments = self._connection()
        # Not before: the process that imports the broker need not be the one that runs it.
        self._worker = settings.identity
        self._publisher = EventPublisher(settings, self._worker, connect_arguments=arguments)
        self._events = self._publisher
        if self._runs_tasks:
            self._observer = ResultObserver(self.broker.result_backend)
            self.watch(self._observer)
            for task in self.broker.get_all_tasks().values():
                make_interruptible(task)
            self._heartbeat = Heartbeat(
                self._publisher, self, self._worker, self._slots, self._details
            )
        self._connecting = asyncio.create_task(self._keep_connected(), name="event connection")

    async def shutdown(self) -> None:
        """Publish that the worker stops, send what is buffered, and disconnect."""
        if self._connecting is not None:
            await cancel_and_wait(self._connecting)
        await self._background.close()
        self._is_beating = False
        if self._control is not None:
            await self._control.close()
        if self._heartbeat is not None:
            self._heartbeat.publish_stopped(0)
        await self._publisher.close(_CLOSE_TIMEOUT_S)
        if self._observer is not None:
            self._observer.close()
        await super().shutdown()

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Add the name to the labels, and recognize an attempt that a retry middleware sends."""
        delivery = current_delivery.get()
        if delivery is not None and delivery.task_id == message.task_id:
            delivery.resent = True
        return super().pre_send(message)

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Publish that an attempt starts; refuse a task that was cancelled before."""
        with log_errors(message):
            self._begin(message)
        return super().pre_execute(message)

    def _begin(self, message: TaskiqMessage) -> None:
        delivery = ReceiverDelivery(message, current_delivery.get())
        current_delivery.set(delivery)
        task = self.broker.find_task(message.task_name)
        if task is not None:
            # As if a process that has the task had sent it: others do not know its decorator.
            for label, value in decorator_labels(task).items():
                message.labels.setdefault(label, value)
            make_interruptible(task)
            delivery.function = task.original_func
            delivery.is_sync = not asyncio.iscoroutinefunction(task.original_func)
        cancellation = self.cancelled.get(message.task_id, time.monotonic())
        if cancellation is not None:
            delivery.cancellation = cancellation
            delivery.disable_retries()
        asyncio_task = asyncio.current_task()
        if asyncio_task is not None:
            self.running[delivery.sequence] = RunningTask(
                message.task_id, message.task_name, time.time(), asyncio_task, delivery
            )
            self.slot_time.enter()
            delivery.add_unfinished_callback(asyncio_task, self._on_unfinished)

    def on_error(
        self,
        message: TaskiqMessage,
        result: TaskiqResult[Any],
        exception: BaseException,
    ) -> None:
        """Keep the error for `post_execute`: another middleware may still request a retry."""
        describe_timeout(message, result, exception)
        delivery = self._delivery_of(message.task_id)
        if delivery is None:
            return
        delivery.error = exception
        if delivery.cancellation is not None and (
            delivery.stop_observed or isinstance(exception, asyncio.CancelledError)
        ):
            delivery.error = delivery.cancellation.error()
            if not isinstance(result.error, NoResultError):
                result.error = delivery.error

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Publish an attempt that ended without a result: it is retried."""
        delivery = self._delivery_of(message.task_id)
        if delivery is None:
            return
        self._remove(delivery)
        delivery.result = result
        if isinstance(result.error, NoResultError):
            self.publish_attempt(message, delivery, delivery.error or result.error)
            delivery.restore_outer()

    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Publish the outcome, now that the result can be read."""
        delivery = self._delivery_of(message.task_id)
        if delivery is not None:
            self.publish_end(message, delivery, result)
            delivery.restore_outer()

    async def cancel(
        self,
        task_id: str,
        cancellation: Cancellation,
        timeout: float,  # noqa: ASYNC109 - no error
    ) -> Delivery | None:
        """Cancel a task running in this process, and never start it later."""
        self.cancelled.add(task_id, cancellation, time.monotonic())
        runs = [run for run in self.running.values() if run.task_id == task_id]
        for run in runs:  # more than one if the broker has redelivered a long task
            if isinstance(run.delivery, ReceiverDelivery):
                run.delivery.disable_retries()
            run.interrupt(cancellation)
        if not runs:
            return None
        await asyncio.wait({run.asyncio_task for run in runs}, timeout=timeout)
        return runs[0].delivery

    def _on_not_stored(self, task_id: str, error: ResultNotStoredError) -> None:
        delivery = self._delivery_of(task_id)
        super()._on_not_stored(task_id, error)
        if delivery is not None:
            delivery.restore_outer()

    def _delivery_of(self, task_id: str) -> ReceiverDelivery | None:
        """Return the current delivery, None if it is not one of this task.

        A task that was run in place is left behind as the current one when another middleware
        fails after it: its end is published first.
        """
        found = current = current_delivery.get()
        while isinstance(found, ReceiverDelivery) and found.task_id != task_id:
            found = found.outer
        if not isinstance(found, ReceiverDelivery):
            return None
        while isinstance(current, ReceiverDelivery) and current is not found:
            self._on_unfinished(current)
            current = current_delivery.get()
        return found

    def _on_unfinished(self, delivery: ReceiverDelivery) -> None:
        """Publish the end of a run for which TaskIQ did not call `post_save`.

        Another middleware has failed: before or while the task ran, before its result was stored,
        or after it.
        """
        self._remove(delivery)
        result, error = delivery.result, delivery.processing_error()
        if result is None or (error is not None and not result.is_err):  # no result is stored
            error = error or RuntimeError("the worker has not finished the task")
            delivery.error = error
            result = TaskiqResult(is_err=True, return_value=None, execution_time=0, error=error)
        self.publish_end(delivery.message, delivery, result)
        delivery.restore_outer()
        logger.error("the processing of %s was not finished", delivery.task_id, exc_info=error)

    def _remove(self, delivery: ReceiverDelivery) -> None:
        """Remove a run from those in progress, and publish its last progress."""
        if self.running.pop(delivery.sequence, None) is None:
            return
        self.slot_time.leave()
        self.finished += 1
        if self._observer is not None:
            self._observer.flush_progress(delivery.task_id)

    def _max_attempts(self, message: TaskiqMessage) -> int:
        """Return the attempts that TaskIQ's retry middlewares allow."""
        attempt = retry_count(message) + 1
        for middleware in self.broker.middlewares:
            if isinstance(middleware, SimpleRetryMiddleware | SmartRetryMiddleware):
                enabled = message.labels.get(RETRY_LABEL, middleware.default_retry_label)
                limit = message.labels.get("max_retries", middleware.default_retry_count)
                if str(enabled).lower() == "true":
                    return max(attempt, to_count(limit))
        return attempt

    @property
    def _runs_tasks(self) -> bool:
        return self.broker.is_worker_process or isinstance(self.broker, InMemoryBroker)

    def _connection(self) -> tuple[Settings, dict[str, Any]]:
        """Return the settings of the connection, and further arguments for it."""
        arguments: dict[str, Any] = {"check": None}  # events need no JetStream
        servers = getattr(self.broker, "servers", None)
        given = getattr(self.broker, "connection_kwargs", None)
        if self._is_configured or not servers or not isinstance(given, Mapping):
            return self._settings, arguments
        server = servers if isinstance(servers, str) else ",".join(servers)
        arguments.update({name: given[name] for name in _LOGIN_ARGUMENTS if name in given})
        secrets = (given.get(name) for name in _SECRET_ARGUMENTS)
        KNOWN_SECRETS.add(secret for secret in secrets if isinstance(secret, str))
        settings = self._settings.model_copy(update={"server": server})
        KNOWN_SECRETS.add(settings.secrets)
        return settings, arguments

    async def _keep_connected(self) -> None:
        """Connect, and connect again each time that the connection is closed permanently."""
        reported = ""
        while True:
            await self._connect()
            connected_at = time.monotonic()
            await self._publisher.wait_closed()
            client = self._publisher.client
            reason = without_secrets(str((client and client.last_error) or "no reason given"))
            if reason != reported or time.monotonic() - connected_at > _STABLE_S:
                reported = reason
                logger.warning(
                    "the event connection was closed permanently, connecting again: %s", reason
                )
            await asyncio.sleep(_CONNECT_RETRY_S)

    async def _connect(self) -> None:
        """Connect, and try again until it succeeds."""
        reported = ""
        while True:
            try:
                await self._publisher.start()
                if self._heartbeat is not None:
                    await self._accept_commands(self._heartbeat)
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                if text != reported:
                    reported = text
                    unexpected = None if isinstance(error, _CONNECT_ERRORS) else error
                    logger.warning(
                        "no events are published, trying again: %s", error, exc_info=unexpected
                    )
            else:
                if reported:
                    logger.info("events are published")
                return
            await asyncio.sleep(_CONNECT_RETRY_S)

    async def _accept_commands(self, heartbeat: Heartbeat) -> None:
        """Subscribe to commands on the connection of events, and publish heartbeats."""
        if self._control is not None:
            await self._control.close()  # of an earlier connection
            heartbeat.control = ""
        client = self._publisher.client
        if self._settings.control and client is not None:
            commands = TaskCommands(self, self._publisher, heartbeat.announce).commands()
            self._control = ControlListener(client, commands, self._worker)
            try:
                await self._control.start()
            except OUTAGE_ERRORS as error:
                logger.warning("this worker accepts no commands: %s", error)
            heartbeat.control = self._control.subject
        if not self._is_beating:
            self._is_beating = True
            interval = self._settings.heartbeat_interval
            self._background.start(PeriodicTask("heartbeat", interval, heartbeat.publish))

    def _details(self) -> dict[str, object]:
        queue_group, subject = (getattr(self.broker, name, None) for name in ("queue", "subject"))
        return {
            "broker": type(self.broker).__name__,
            "queue_group": queue_group if isinstance(queue_group, str) else None,
            "subject": subject if isinstance(subject, str) else None,
            "commands": [PING, CANCEL, ANNOUNCE],
        }


EventMiddleware = PulseMiddleware
"""The earlier name."""
