"""How the tests compile: quickly, as their programs are tiny and run a few times. Imports nothing of JAX."""

# Without LLVM's optimizations.
UNOPTIMIZED = '--xla_backend_optimization_level=0'
# Loops are made by XLA's own emitters, too, rather than through MLIR: a step of a small GAN compiles in a third of the
# time (1.9 s of CPU time, 5.3 s with fusion emitters; JAX 0.10.2, 2 CPU cores).
QUICK = f'{UNOPTIMIZED} --xla_cpu_use_fusion_emitters=false'


def flags(devices: int, how: str = QUICK) -> str:
    """XLA_FLAGS for a process that sees `devices` simulated devices; how: '' compiles as for users."""
    return f'--xla_force_host_platform_device_count={devices} {how}'.strip()
