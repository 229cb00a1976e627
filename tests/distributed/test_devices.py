"""Every recipe on 1, 2, 4 and 8 devices: the same parameters after 20 steps.

Each in a process of its own, with eight.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import xla

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.stem for path in (ROOT / 'configs').glob('*.py') if path.stem != '__init__')


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
def test_any_number_of_devices_trains_the_same_parameters(name):
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'XLA_FLAGS': xla.flags(devices=8), 'JAX_PLATFORMS': 'cpu'}
    command = [sys.executable, 'tests/helpers/device_runs.py', name]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # Adam makes up to 1e-9 of what is zero but for rounding: the biases before a batch-norm (ebgan,
    # improved).
    assert max(found['float64'].values()) < 1e-8, found
    assert max(found['float64 by descent'].values()) < 1e-10, found
    assert max(found['float32 by descent'].values()) < 1e-4, found
