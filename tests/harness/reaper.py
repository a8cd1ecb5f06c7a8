"""Cleaning up that also happens when the test process is killed.

A small shell waits on a pipe that only we hold; it runs its command when the pipe closes, be it by `run()`, at exit,
or because the kernel closed it for a process that got SIGKILL.
"""

import subprocess
import weakref


class Reaper:
    def __init__(self, shell_command: str):
        script = f'read -r word; [ "$word" = disarm ] || {{ {shell_command}; }}'
        self._shell = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True, cwd="/")
        self._finalizer = weakref.finalize(self, _close_and_wait, self._shell)

    def run(self) -> None:
        """Runs the command now, once, and waits for it."""
        self._finalizer()

    def disarm(self) -> None:
        """Ends the shell without its command."""
        if self._finalizer.detach():
            self._shell.communicate(b"disarm\n", timeout=60)


def _close_and_wait(shell: subprocess.Popen) -> None:
    shell.stdin.close()
    shell.wait(timeout=60)
