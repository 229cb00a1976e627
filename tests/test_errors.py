"""What JAX says of a machine that is too small, or has no such device, in a user's words."""

from __future__ import annotations

import os
import subprocess
import sys

import jax
import pytest

from gax import errors
from tests.helpers import tinyruns


@pytest.mark.parametrize(
    ('error', 'where'),
    [
        (
            jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes'),
            'device',
        ),
        (
            jax.errors.JaxRuntimeError('INTERNAL: Error dispatching: Out of memory allocating 9 bytes.'),
            'device',
        ),
        (MemoryError('Unable to allocate 784. GiB for an array'), 'machine'),
    ],
)
def test_too_little_memory_says_what_to_lower(error: BaseException, where: str) -> None:
    plain = str(errors.explained(error))
    assert f'the memory of {"the " if where == "device" else "this "}{where} is too small' in plain
    for field in ('batch_size', 'accumulate', 'remat', 'widths', 'llocat'):
        assert field in plain


def test_other_errors_stay_what_they_are() -> None:
    assert errors.explained(RuntimeError('memory of an elephant')) is None
    assert errors.explained(ValueError('no')) is None


@pytest.mark.parametrize(
    ('variable', 'value', 'says'),
    [
        ('JAX_PLATFORMS', 'cuda', "JAX finds no device with JAX_PLATFORMS='cuda'"),
        pytest.param(
            'JAX_DISABLE_JIT',
            '1',
            'JAX_DISABLE_JIT is set, and gax runs compiled programs: unset it',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_setting_of_jax_that_cannot_be_is_told_in_one_line(variable, value, says, tmp_path) -> None:
    if variable == 'JAX_PLATFORMS' and any(d.platform == 'gpu' for d in jax.devices()):
        pytest.skip('there is one')
    done = subprocess.run(
        [
            sys.executable,
            'experiments/train.py',
            f'--config={tinyruns.CONFIG}',
            f'--workdir={tmp_path / "run"}',
        ],
        env={**os.environ, 'PYTHONPATH': str(tinyruns.ROOT), variable: value},
        cwd=tinyruns.ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f'gax: error: {says}')
    assert 'Traceback' not in done.stderr
    assert not (tmp_path / 'run').exists()
