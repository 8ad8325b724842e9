"""A test's own server in place of the embedded one."""

import os
import time
from pathlib import Path

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_state import ProcessState, StackState, write_state
from tests.kit.nats_servers import NatsServer


def record_as_embedded(server: NatsServer, root: Path) -> DataFolder:
    """Record a server as the embedded one in a data folder, and return the folder."""
    folder = DataFolder(root)
    folder.prepare()
    log = folder.log_of("nats-server")
    running = ProcessState("nats-server", "running", None, 0, "", time.time(), str(log))
    write_state(
        folder.state_file,
        StackState(
            launch="test",
            guardian=ProcessRef.of(os.getpid()),
            phase="ready",
            server=server.url,
            monitor=server.monitor_url,
            workers=0,
            sample=False,
            started_at=time.time(),
            processes=(running,),
        ),
    )
    return folder
