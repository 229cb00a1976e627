"""One run in several processes: on several machines, or several on one. How they begin together, and end.

How they find each other is in rendezvous.py, what they say to each other while they train in coordination.py,
who does what in runner.py. Each process feeds its own devices the rows that lie there; the state is whole on
all of them.
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
FAILED: list[Team] = []  # those that were told that this process ends
KEPT: list[Any] = []  # handlers that C calls


class Asked(NamedTuple):
    """The flags of gax-train; None and '' where one is not given. seconds: to wait for the
    others.
    """

    coordinator: str = ''
    num_processes: int | None = None
    process_id: int | None = None
    distributed: str = ''
    seconds: int = 300


@contextlib.contextmanager
def joined(asked: Asked) -> Iterator[Alone]:
    """Joins the other processes; in the block they work together, and an error in one ends all.

    Must be entered before JAX has looked for devices. Raises GaxError for flags that cannot be meant, and
    where the others do not come.
    """
    place = placed(asked)
    if place is None or place.num == 1:
        yield Alone()
        return
    team, port = rendezvous.meet(place, asked.seconds)
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
        # A collective fails where its partner has died; then the thread that listens knows, and ends this
        # process.
        time.sleep(2.0)
        say(traceback.format_exc())
        team.fail(f'{type(error).__name__}: {errors.first_line(error)}', 1)
        leave(1)


def refuse(asked: Asked, what: str) -> None:
    """Raises GaxError where several processes are asked for."""
    if asked.distributed or asked.coordinator or (asked.num_processes or 1) > 1:
        raise errors.GaxError(f'{what} is of one process: leave out the flags of several')


def end(status: int) -> None:
    """Ends the process. Where others have been told that it failed, at once: JAX would wait for them."""
    leave(status) if FAILED else sys.exit(status)


def leave(status: int) -> None:
    """Ends the process at once."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


def placed(asked: Asked) -> Place | None:
    """Where this process stands by its flags; None: by itself.

    Raises GaxError for flags that do not fit together.
    """
    explicit = {
        'coordinator': asked.coordinator or None,
        'num_processes': asked.num_processes,
        'process_id': asked.process_id,
    }
    given = [f'--{name}' for name, value in explicit.items() if value is not None]
    missing = [f'--{name}' for name, value in explicit.items() if value is None]
    if asked.distributed:
        if asked.distributed != 'auto':
            raise errors.GaxError(errors.choices('--distributed', asked.distributed, ['auto']))
        if given:
            raise errors.GaxError(f'--distributed=auto finds {given[0]} by itself; leave one of the two out')
        return detected(asked.seconds)
    if not given:
        return None
    if missing:
        raise errors.GaxError(f'{given[0]} goes with {" and ".join(missing)}, not given here')
    count, index = int(asked.num_processes or 0), int(asked.process_id or 0)
    if count < 1:
        raise errors.GaxError(f'--num_processes must be at least 1, and is {count}')
    if not 0 <= index < count:
        raise errors.GaxError(
            f'--process_id must be from 0 to {count - 1} with --num_processes={count}, and is {index}'
        )
    return Place(*rendezvous.split(asked.coordinator), count, index)


def detected(seconds: int) -> Place:
    """What JAX finds out of the environment: SLURM, Open MPI, Kubernetes (with the package `kubernetes`),
    TPU pods.
    """
    try:
        # What jax.distributed.initialize() asks; it has no public name, and tells nobody what it was
        # answered.
        from jax._src.clusters import ClusterEnv

        found = ClusterEnv.auto_detect_unset_distributed_params(None, None, None, None, None, seconds)
        address, count, index, devices = found
    except Exception as error:
        raise errors.GaxError(f'--distributed=auto: {errors.first_line(error)}') from error
    if address is None or count is None or index is None:
        raise errors.GaxError(
            '--distributed=auto finds no job of SLURM (srun), Open MPI or Kubernetes and no TPU pod here; give --coordinator, '
            '--num_processes and --process_id'
        )
    return Place(*rendezvous.split(address), count, index, devices)


def begin(place: Place, team: Team, port: int) -> None:
    """Makes one JAX of all processes: jax.devices() are those of all of them from here on."""
    catch_aborts(team)
    jax.config.update('jax_enable_preemption_service', False)  # SIGTERM is answered by signals.py
    with without_proxies():
        jax.distributed.initialize(
            place._replace(port=port).address,
            place.num,
            place.own,
            local_device_ids=place.devices,
            cluster_detection_method='deactivate',
            shutdown_timeout_seconds=30,
        )
    devices = greet()
    if place.own:
        log.setLevel(logging.WARNING)  # process 0 speaks for all
    else:
        log.info('%d processes with %d devices: on %s', place.num, devices, ', '.join(team.hosts))


@contextlib.contextmanager
def without_proxies() -> Iterator[None]:
    """In the block no *_proxy is set: JAX's service would be looked for through it, which waits for ever
    where it leads nowhere.
    """
    kept = {name: value for name, value in os.environ.items() if '_proxy' in name.lower()}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)


def greet() -> int:
    """A sum over all devices, whose number it returns. Those of a mesh are connected when they first compute
    together, for which
    some of JAX's libraries give them 30 s: now, rather than when one has compiled its programs and another
    has not.
    """
    mesh = sharding.mesh()
    ones = sharding.put(np.ones(mesh.size, np.float32), sharding.rows(mesh))
    return int(jax.jit(jnp.sum, out_shardings=sharding.replicated(mesh))(ones))


def catch_aborts(team: Team) -> None:
    """Where JAX's C++ aborts this process, as it does when process 0 has died, the reason is told in a line
    of ours.

    A handler set by Python's `signal` would run after the abort, which is never.
    """

    def aborted(number: int) -> None:
        # If it is because of another process, the thread that listens says so meanwhile, and ends this one.
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
    """Process 0's `tree` of NumPy arrays shaped `like`, bit for bit, at every process. tree: None at the
    others.
    """
    from jax.experimental.multihost_utils import broadcast_one_to_all

    leaves, structure = jax.tree.flatten(like)
    sizes = [x.size * x.dtype.itemsize for x in leaves]
    chunk = min(CHUNK, sum(sizes))
    whole = np.zeros(-(-sum(sizes) // chunk) * chunk, np.uint8)
    if tree is not None:
        parts = [np.ascontiguousarray(x).reshape(-1).view(np.uint8) for x in jax.tree.leaves(tree)]
        np.concatenate(parts, out=whole[: sum(sizes)])
    for at in range(0, len(whole), chunk):  # of one shape: one program
        whole[at : at + chunk] = broadcast_one_to_all(whole[at : at + chunk])
    ends = np.cumsum(sizes)
    bytes_of = np.split(whole[: ends[-1]], ends[:-1])
    made = [b.copy().view(x.dtype).reshape(x.shape) for b, x in zip(bytes_of, leaves, strict=True)]
    return jax.tree.unflatten(structure, made)
