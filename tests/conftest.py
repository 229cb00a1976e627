"""Every test process sees four simulated devices, so that sharding is tested on any machine.

Programs are compiled quickly rather than well (helpers/xla.py), and dropped after each module (helpers/forget.py): a
worker that kept them all took 5 GB.
"""

import os
import resource
import sys
from pathlib import Path

import pytest

from tests.helpers import xla

os.environ.setdefault('XLA_FLAGS', xla.flags(devices=4))
os.environ.setdefault('JAX_PLATFORMS', 'cpu')

# Where JAX refuses to promote ranks and types by itself: the tests that trace every network, term, optimizer, section,
# recipe and config, and those of losses, penalties and metrics.
STRICT = ('gans.test_properties', 'config.test_fields_are_read', 'test_doctests', 'objectives.test_losses')
WORKER = 2 * 2**30  # bytes that a worker may take of the machine's memory when their number is chosen
PROMOTION = {'jax_numpy_rank_promotion': 'raise', 'jax_numpy_dtype_promotion': 'strict'}
PEAKS = pytest.StashKey[dict[str, int]]()


def pytest_xdist_auto_num_workers(config):
    """For `-n auto`: one worker a core that this process may use, as far as the memory goes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return max(1, min(cores, memory() // WORKER))


def memory():
    """Bytes that this machine has, or this container is given."""
    limits = [os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')]
    for path in ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'):
        text = Path(path).read_text().strip() if Path(path).exists() else ''
        limits += [int(text)] if text.isdigit() else []
    return min(limits)


def group(nodeid):
    """What stays on one worker: a module, and of the table of properties each config."""
    module, _, test = nodeid.partition('::')
    return f'{module} {test.partition("[")[2]}' if module.endswith('test_properties.py') else module


# A mark would do (`--dist=loadgroup`), if xdist 3.8 did not lose it silently under pytest 9.2.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Sends groups of tests to the workers, so that what they share is compiled once."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope='module', autouse=True)
def forgotten(request):
    """First in, last out: nothing that a module compiled outlives it."""
    yield
    from tests.helpers import forget

    forget.compiled(request.module)


@pytest.fixture(scope='module', autouse=True)
def strict(request):
    """Promotion by JAX of one array to another's rank or type raises, in the modules of STRICT."""
    if not request.module.__name__.partition('tests.')[2].startswith(STRICT):
        yield
        return
    import jax

    before = {name: getattr(jax.config, name) for name in PROMOTION}
    for name, value in PROMOTION.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def peak_mib():
    """The most memory that this process has had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == 'darwin' else peak // 2**10


def pytest_configure(config):
    config.stash[PEAKS] = {}


def pytest_sessionfinish(session):
    if hasattr(session.config, 'workeroutput'):
        session.config.workeroutput['peak_mib'] = peak_mib()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    node.config.stash[PEAKS][node.gateway.id] = getattr(node, 'workeroutput', {}).get('peak_mib', 0)


def pytest_terminal_summary(terminalreporter, config):
    peaks = config.stash[PEAKS] or {'this process': peak_mib()}
    said = ', '.join(f'{name} {peak}' for name, peak in sorted(peaks.items()))
    terminalreporter.write_line(f'peak memory in MiB: {said}')
