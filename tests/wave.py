"""A model of microseconds that does what it is told, and writes down every run where ``WAVE_LOG`` says."""

import os
import signal
import subprocess
import sys
import time

import numpy as np

MISCHIEF = ("raise", "not a number", "grow", "hang", "die", "exit")


def simulate(x, y, does="answer", above=0.0):
    """A wave on a string. From x = ``above`` on it misbehaves as ``does`` says.

    "everything" does each mischief in a sixteenth of the range of x, the last six.
    """
    _write_down(x, y)
    nodes = np.linspace(0.0, 1.0, 21)
    wave = np.sin(np.pi * nodes * (1 + 0.3 * x)) / (2 + y)
    answer = {"coordinates": nodes, "height": wave, "top": wave[10]}
    if does == "everything":
        sixteenth = int(16 * x)
        does = MISCHIEF[sixteenth - 10] if sixteenth >= 10 else "print"
    elif x < above:
        return answer
    if does == "raise":
        raise ValueError(f"no wave at x = {x:.3f}")
    if does == "not a number":
        return answer | {"height": np.full(21, np.nan)}
    if does == "grow":
        return {"coordinates": np.linspace(0.0, 1.0, 22), "height": np.zeros(22), "top": 0.0}
    if does == "hang":
        subprocess.run(["sleep", "600"])
    if does == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if does == "exit":
        sys.exit(3)
    if does == "ask":
        input("go on? ")
    if does == "quit":
        exit("enough")
    if does == "signal":
        os.kill(os.getpid(), signal.SIGRTMIN + 6)
    if does == "interrupt":
        raise KeyboardInterrupt
    if does == "leave a child":  # which holds whatever was open
        if os.fork():
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
    if does == "split":  # two come back
        os.fork()
    if does == "print":
        print("said by the model")
        os.write(1, b"said below Python\n")
    return answer


def _write_down(x, y):
    """Append to the log, and kill the run at the line that ``KILL_AT`` says, after ``KILL_AFTER`` seconds."""
    if not (log := os.environ.get("WAVE_LOG")):
        return
    with open(log, "ab", buffering=0) as file:
        file.write(f"{x!r} {y!r}\n".encode())
    with open(log) as file:
        lines = sum(1 for _ in file)
    if str(lines) == os.environ.get("KILL_AT"):
        wait, run = os.environ.get("KILL_AFTER", "0"), os.environ["COMMAND_PID"]
        subprocess.Popen(["sh", "-c", f"sleep {wait}; kill -9 {run}"], start_new_session=True)
