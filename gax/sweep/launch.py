"""Becomes the given command, and has it stopped (by SIGTERM: it saves) when the parent process dies.

    python launch.py PARENT COMMAND ...

A worker that is killed cannot stop its run; on Linux the kernel does (prctl(2), PR_SET_PDEATHSIG, which
persists through execve). Elsewhere the run continues to its end, and the worker that takes over its trial
waits for it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == '__main__':
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != int(sys.argv[1]):  # the parent died before this line
            sys.exit(128 + signal.SIGTERM)
    os.execv(sys.argv[2], sys.argv[2:])
