# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What a command writes where it stands on a terminal."""
import os
import pty
import subprocess
from collections.abc import Callable


def on_a_terminal(start: Callable[[int], subprocess.Popen], timeout: float = 120) -> tuple[int, str]:
    """The exit status and what was written, of a process that `start` begins with the terminal as one of its outputs."""
    reader, writer = pty.openpty()
    process = start(writer)
    os.close(writer)
    shown = b""
    try:
        while part := os.read(reader, 65536):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(reader)
    process.communicate(timeout=timeout)
    return process.returncode, shown.decode()
