"""Becomes the command given, which is told to stop (SIGTERM: it saves) when the process that started this one
dies.

    python launch.py PARENT COMMAND ...

A worker that is killed outright can tell its run nothing; on Linux the kernel does (prctl(2),
PR_SET_PDEATHSIG, which lasts through execve). Elsewhere the run goes on to its end, and who takes up its
trial waits for it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == '__main__':
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != int(sys.argv[1]):  # it died before this line
            sys.exit(128 + signal.SIGTERM)
    os.execv(sys.argv[2], sys.argv[2:])
