"""Every test process sees four simulated devices, so that sharding is tested on any machine.

LLVM's own optimizations are off: the programs of tests are tiny, and compiling them takes half the time.
"""

import os

os.environ.setdefault(
    'XLA_FLAGS', '--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0'
)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
