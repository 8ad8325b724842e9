"""What `--help` says: what each command does, in words and by example."""

from typing import Final

DESCRIPTION: Final = """\
Watch TaskIQ workers on NATS: live runs, events and results, and re-run what failed.

Without a command this opens the window. With no server named (--server or PULSE_SERVER) it starts
a NATS server, workers and sample work on this machine."""

EXAMPLES: Final = """\
examples:
  pulse-desktop                                     the window, on an embedded server
  pulse-desktop --server nats://host:4222           the window, on yours
  pulse-desktop runs --state failed --since 1h      what failed in the last hour
  pulse-desktop rerun 3f9c0e6a --wait 30            run it again and see how it ends
  pulse-desktop tail tasks --since 10m --json       events as JSON lines
  pulse-desktop doctor                              what is wrong, and what to do

a server with a login: set PULSE_SERVER to nats://user:password@host:4222; others see --server
time spans: 30 or 30s seconds, 10m minutes, 1h hours, 7d days
exit codes: 0 ok, 1 what was asked for failed, 2 wrong usage, 3 cannot connect"""

LOCAL: Final = """\
Start the embedded stack without a window: nats-server with JetStream on a free loopback port,
workers, and a sample chat that keeps them busy. It runs until Ctrl-C or SIGTERM; its data is kept.
A stack that runs already is joined. The other commands find it by themselves.

examples:
  pulse-desktop local
  pulse-desktop local --workers 4 --no-sample
  pulse-desktop local --json        first line: {"server": "nats://…", "monitor": "http://…"}"""

STATUS: Final = """\
Say once how things are: events per topic within the last day (as far as they are kept), the task
queue, the workers that are alive, the stored results.

examples:
  pulse-desktop status
  pulse-desktop status --json | jq .queue.pending"""

TAIL: Final = """\
Print events as they come, until Ctrl-C. TOPIC is agents, tasks, providers, knowledge, messages,
monitoring, metrics or any other websocket.TOPIC; taskiq stands for the task messages themselves.

examples:
  pulse-desktop tail                           all topics, from now on
  pulse-desktop tail tasks --since 10m         those of the last 10 minutes first
  pulse-desktop tail --since 1h --count 20     at most 20, then end
  pulse-desktop tail tasks --for 5 --json      for 5 seconds; one object per line
  pulse-desktop tail --since 7d --for 0        only what is stored"""

RUNS: Final = """\
List task runs, the latest first, put together from history and stored results: no window need have
been open.

examples:
  pulse-desktop runs
  pulse-desktop runs --state failed --state soft_failed --since 1h
  pulse-desktop runs --json --limit 1000 | jq -r 'select(.run_s > 5) | .task_id'"""

SHOW: Final = """\
Tell all that is known of one run: arguments, times, worker, result, error, events. TASK_ID may be
the first characters of one (4 at least).

examples:
  pulse-desktop show 3f9c0e6a
  pulse-desktop show 3f9c0e6a --json | jq .result.return_value"""

RUN: Final = """\
Enqueue a task by its registered name. While no worker listens it is refused: without a stream the
task would be lost.

examples:
  pulse-desktop run app.tasks:add --args '[1, 2]'
  pulse-desktop run app.tasks:add --args '[1]' --kwargs '{"b": 2}' --wait 10"""

RERUN: Final = """\
Enqueue runs again, each with its name, arguments and labels exactly as captured and a new task id.

examples:
  pulse-desktop rerun 3f9c0e6a
  pulse-desktop rerun 3f9c0e6a 77b1d2c0 --wait 30
  pulse-desktop rerun $(pulse-desktop runs --state failed --json | jq -r .task_id)"""

RESULTS: Final = """\
Stored results, read as data: a pickled one is never executed.

examples:
  pulse-desktop results list
  pulse-desktop results get 3f9c0e6a41…           the whole key, as listed
  pulse-desktop results save 3f9c0e6a41… out.json the bytes as they are"""

SCREENSHOT: Final = """\
Draw a page of the real window into a PNG file. No display is needed.

examples:
  pulse-desktop screenshot --page tasks --out tasks.png
  pulse-desktop screenshot --page tasks --open 3f9c0e6a41… --out failed.png
  pulse-desktop screenshot --page overview --out o.png --theme light --size 1920x1080 --after 10"""

DOCTOR: Final = """\
Check each thing a newcomer trips over (Python, Qt, display, nats-server, data folder; then the
server, its JetStream, queue, results and history) and say what to do. Exit 1 when something is bad.

examples:
  pulse-desktop doctor
  pulse-desktop doctor --server nats://host:4222"""
