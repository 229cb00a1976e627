"""What a test process keeps of what it has compiled: nothing that is needed again."""

import ctypes
import gc
import sys
from types import ModuleType

import jax


def compiled(*modules: ModuleType) -> None:
    """Drops all compiled programs, and what the functions of `modules` that have caches keep."""
    for module in modules:
        for value in list(vars(module).values()):
            if callable(getattr(value, 'cache_clear', None)):
                value.cache_clear()
    jax.clear_caches()
    gc.collect()
    if sys.platform == 'linux':
        ctypes.CDLL(None).malloc_trim(0)  # or the allocator keeps the freed pages to itself
