"""How the tests compile: quickly, as their programs are tiny and run a few times. Imports nothing of JAX."""

# Without LLVM's optimizations. (--xla_cpu_use_fusion_emitters=false would compile in a third of the time, and is wrong:
# with it a generator's gradient in configs/bigan_mnist.py on four devices was as far from that on one as it is large;
# without, they agree to 1e-7. JAX 0.10.2.)
QUICK = '--xla_backend_optimization_level=0'


def flags(devices: int, quick: bool = True) -> str:
    """XLA_FLAGS for a process that sees `devices` simulated devices; not quick: compiled as for users."""
    return f'--xla_force_host_platform_device_count={devices} {QUICK if quick else ""}'.strip()
