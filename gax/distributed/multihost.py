"""One run in several processes, on several machines or on one: how they start together and end together.

rendezvous.py connects the processes, coordination.py carries their messages during training, and runner.py
divides the work. Each process feeds its devices the examples of their shards; the train state is replicated
on all devices.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.distributed import rendezvous, sharding
from gax.distributed.coordination import Alone, Team, say
from gax.distributed.rendezvous import Place

log = logging.getLogger('gax')
CHUNK = 2**24  # bytes of one broadcast
FAILED: list[Team] = []  # teams that know that this process ends
KEPT: list[Any] = []  # handlers that C calls


class Asked(NamedTuple):
    """The flags of gax-train about several processes; None or '' for a flag that is absent.

    Attributes:
      coordinator: HOST:PORT of process 0.
      num_processes: The number of processes.
      process_id: The number of this process, from 0.
      distributed: 'auto', or '' for explicit flags.
      seconds: How long to wait for the other processes.
    """

    coordinator: str = ''
    num_processes: int | None = None
    process_id: int | None = None
    distributed: str = ''
    seconds: int = 300


@contextlib.contextmanager
def joined(options: Asked) -> Iterator[Alone]:
    """A context in which the processes of a run work together; an error in one of them ends all.

    Enter it before JAX has looked for devices.

    Args:
      options: The flags.

    Yields:
      The team, or `Alone` for a run of one process.

    Raises:
      GaxError: The flags do not fit together, or the other processes do not connect in time.
    """
    place = placed(options)
    if place is None or place.num == 1:
        yield Alone()
        return
    team, port = rendezvous.meet(place, options.seconds)
    try:
        begin(place, team, port)
        yield team
        team.close()
        jax.distributed.shutdown()
    except (errors.GaxError, KeyboardInterrupt) as error:
        team.fail(errors.first_line(error), 130 if isinstance(error, KeyboardInterrupt) else 2)
        FAILED.append(team)
        raise
    except BaseException as error:
        # A collective fails when its partner has died. The listening thread notices that too, and ends this
        # process.
        time.sleep(2.0)
        say(traceback.format_exc())
        team.fail(f'{type(error).__name__}: {errors.first_line(error)}', 1)
        leave(1)


def refuse(options: Asked, what: str) -> None:
    """Raises GaxError if the flags ask for several processes. `what` names the command."""
    if options.distributed or options.coordinator or (options.num_processes or 1) > 1:
        raise errors.GaxError(f'{what} is of one process: leave out the flags of several')


def end(status: int) -> None:
    """Exits. Exits at once if the other processes know of a failure, as JAX would wait for them."""
    leave(status) if FAILED else sys.exit(status)


def leave(status: int) -> None:
    """Flushes the output and exits at once."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


def placed(options: Asked) -> Place | None:
    """The place of this process among all, by its flags; None for a run of one process.

    Raises:
      GaxError: The flags do not fit together.
    """
    explicit = {
        'coordinator': options.coordinator or None,
        'num_processes': options.num_processes,
        'process_id': options.process_id,
    }
    flags = [f'--{name}' for name, value in explicit.items() if value is not None]
    missing = [f'--{name}' for name, value in explicit.items() if value is None]
    if options.distributed:
        if options.distributed != 'auto':
            raise errors.GaxError(errors.choices('--distributed', options.distributed, ['auto']))
        if flags:
            raise errors.GaxError(f'--distributed=auto finds {flags[0]} by itself; leave one of the two out')
        return detected(options.seconds)
    if not flags:
        return None
    if missing:
        raise errors.GaxError(f'{flags[0]} goes with {" and ".join(missing)}, not given here')
    count, index = int(options.num_processes or 0), int(options.process_id or 0)
    if count < 1:
        raise errors.GaxError(f'--num_processes must be at least 1, and is {count}')
    if not 0 <= index < count:
        raise errors.GaxError(
            f'--process_id must be from 0 to {count - 1} with --num_processes={count}, and is {index}'
        )
    return Place(*rendezvous.split(options.coordinator), count, index)


def detected(seconds: int) -> Place:
    """The place of this process as JAX detects it from the environment.

    JAX knows SLURM, Open MPI, Kubernetes (with the package `kubernetes`) and TPU pods.

    Raises:
      GaxError: None of them is detected.
    """
    try:
        # jax.distributed.initialize() calls this; it has no public name, and initialize() does not return
        # what it detected.
        from jax._src.clusters import ClusterEnv

        detected_place = ClusterEnv.auto_detect_unset_distributed_params(
            None, None, None, None, None, seconds
        )
        address, count, index, devices = detected_place
    except Exception as error:
        raise errors.GaxError(f'--distributed=auto: {errors.first_line(error)}') from error
    if address is None or count is None or index is None:
        raise errors.GaxError(
            '--distributed=auto finds no job of SLURM (srun), Open MPI or Kubernetes and no TPU pod here; '
            'give --coordinator, --num_processes and --process_id'
        )
    return Place(*rendezvous.split(address), count, index, devices)


def begin(place: Place, team: Team, port: int) -> None:
    """Starts JAX's distributed runtime: `jax.devices()` lists the devices of all processes from here on."""
    catch_aborts(team)
    jax.config.update('jax_enable_preemption_service', False)  # SIGTERM is answered by signals.py
    with without_proxies():
        jax.distributed.initialize(
            place._replace(port=port).address,
            place.num,
            place.process,
            local_device_ids=place.devices,
            cluster_detection_method='deactivate',
            shutdown_timeout_seconds=30,
        )
    devices = greet()
    if place.process:
        log.setLevel(logging.WARNING)  # process 0 logs for all
    else:
        log.info('%d processes with %d devices: on %s', place.num, devices, ', '.join(team.hosts))


@contextlib.contextmanager
def without_proxies() -> Iterator[None]:
    """A context in which no *_proxy variable is set.

    gRPC would connect to JAX's service through the proxy, and hang if the proxy does not lead there.
    """
    removed = {name: value for name, value in os.environ.items() if '_proxy' in name.lower()}
    for name in removed:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(removed)


def greet() -> int:
    """Computes a sum over all devices; returns their number.

    The devices of a mesh connect in their first collective, for which some of JAX's libraries allow 30 s.
    Doing so at the start keeps differences in compilation time out of that limit.
    """
    mesh = sharding.mesh()
    ones = sharding.put(np.ones(mesh.size, np.float32), sharding.rows(mesh))
    return int(jax.jit(jnp.sum, out_shardings=sharding.replicated(mesh))(ones))


def catch_aborts(team: Team) -> None:
    """Reports in one line of gax's when JAX's C++ aborts this process, as it does when process 0 dies.

    The handler is a C function: one that is set by Python's `signal` would run after the abort, hence never.
    """

    def aborted(number: int) -> None:
        # If another process is the cause, the listening thread reports it meanwhile, and ends this process.
        time.sleep(2.0)
        say('gax: error: JAX aborted this process (see above)')
        team.fail('JAX aborted it (see its log)', 128 + number)
        leave(128 + number)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(aborted)
    KEPT.append(handler)
    with contextlib.suppress(OSError, AttributeError):
        set_handler = ctypes.CDLL(None).signal
        set_handler.argtypes, set_handler.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
        set_handler(signal.SIGABRT, ctypes.cast(handler, ctypes.c_void_p))


def spread(tree: Any, like: Any) -> Any:
    """Broadcasts a tree of process 0 to every process, bit for bit.

    Args:
      tree: NumPy arrays; None in the other processes.
      like: A tree of arrays, or of their shapes, with the same structure, shapes and dtypes in every process.

    Returns:
      The tree of process 0, as NumPy arrays.
    """
    from jax.experimental.multihost_utils import broadcast_one_to_all

    leaves, structure = jax.tree.flatten(like)
    sizes = [x.size * x.dtype.itemsize for x in leaves]
    chunk = min(CHUNK, sum(sizes))
    whole = np.zeros(-(-sum(sizes) // chunk) * chunk, np.uint8)
    if tree is not None:
        parts = [np.ascontiguousarray(x).reshape(-1).view(np.uint8) for x in jax.tree.leaves(tree)]
        np.concatenate(parts, out=whole[: sum(sizes)])
    for at in range(0, len(whole), chunk):  # chunks of one shape need one compiled program
        whole[at : at + chunk] = broadcast_one_to_all(whole[at : at + chunk])
    ends = np.cumsum(sizes)
    bytes_of = np.split(whole[: ends[-1]], ends[:-1])
    values = [b.copy().view(x.dtype).reshape(x.shape) for b, x in zip(bytes_of, leaves, strict=True)]
    return jax.tree.unflatten(structure, values)
