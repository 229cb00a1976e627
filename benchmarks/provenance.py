"""What a result was made with: device, versions, date and commit."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import jax

ROOT = Path(__file__).parents[1]


def made_with() -> dict[str, str]:
    """What a row was made with, and when; the commit where the code is a checkout, with a '+' where files
    differ from it.
    """
    kind = jax.devices()[0].device_kind
    record = {'device': kind, 'jax': jax.__version__, 'date': time.strftime('%Y-%m-%d')}
    commit, changed = (
        git('rev-parse', 'HEAD'),
        git('status', '--porcelain', '--untracked-files=no', '--', 'gax'),
    )
    return {**record, 'commit': commit + '+' * bool(changed)} if commit else record


def git(*arguments: str) -> str:
    """What git says in the folder of this file; '' where it says nothing, and where there is none."""
    with contextlib.suppress(OSError):
        done = subprocess.run(['git', *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ''
    return ''
