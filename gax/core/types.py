"""The records that a GAN is made of, and what each promises.

A GAN is a game between pure functions. `Net`s are functions with parameters; `Player`s own some of the
nets and move by gradient descent on a weighted sum of `Term`s; a `Game` is the set of both; a `TrainState`
holds every array. What a player's functions may look at is a `Context`. Nothing here computes a step: see
step.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import optax

from gax import errors
from gax.core import rng

PyTree = Any
Array = jax.Array
Key = jax.Array  # a typed PRNG key, shape ()
Batch = Mapping[
    str, Array
]  # 'image' float [B, H, W, C] in [-1, 1], 'label' int32 [B], 'point' float [B, D] ...
Metrics = dict[str, tuple[Array, Array]]  # name -> (sum, count), both float32 scalars
Schedule = Callable[[Array], Array]
Step = Callable[['TrainState', Batch], tuple['TrainState', Metrics]]


class Net(NamedTuple):
    """A network as two pure functions (see `nets.from_linen` for how a Flax module becomes one).

    Attributes:
      init: key -> (params, model_state).
      apply: (params, model_state, *inputs, train, key) -> (output, model_state). With `train=False` the
        model_state comes back unchanged.
      average_state: Whether the model_state of several replicas, or of several microbatches, may be averaged:
        true of statistics, false of a buffer of examples (an image pool). A game that has a net with False
        runs with config.parallel='jit' and config.accumulate=1 only.
    """

    init: Callable[[Key], tuple[PyTree, PyTree]]
    apply: Callable[..., tuple[Any, PyTree]]
    average_state: bool = True


class Context(NamedTuple):
    """All that a player's forward pass and terms may look at. Immutable; `key` belongs to the reader alone.

    Attributes:
      batch: The real data of this update.
      latents: What the fakes were made from: noise ('z', ...), and the conditions of the game.
      fakes: The generator's output, a dict like `batch`.
      step: int32 scalar, the training step.
      term_state: By player, then term: the arrays that terms carry, as they were before this update. An
        augmentation whose strength a term controls reads it.
      conditions: The names of the conditions among `latents`.
      phase: The name of the phase of training, static; '' for a game without phases.
    """

    nets: Mapping[str, Net]
    params: Mapping[str, PyTree]
    model_state: Mapping[str, PyTree]
    batch: Batch
    latents: Batch
    fakes: Batch
    key: Key
    step: Array
    train: bool = True
    term_state: Mapping[str, Mapping[str, PyTree]] = {}
    conditions: tuple[str, ...] = ()
    phase: str = ''

    def apply_and_update(self, name: str, *inputs: Any, stream: str = '') -> tuple[Any, Context]:
        """A main forward pass of net `name`: its output, and the context with that net's model_state
        advanced.

        Two calls of one net in the same context should name different `stream`s, or they share dropout masks.
        """
        key = rng.stream(self.key, stream or name)
        out, new = self.nets[name].apply(
            self.params[name], self.model_state[name], *inputs, train=self.train, key=key
        )
        return out, self._replace(model_state={**self.model_state, name: new})

    def apply(self, name: str, *inputs: Any, stream: str = '') -> Any:
        """The net's output only. For penalties: statistics never advance from here."""
        return self.apply_and_update(name, *inputs, stream=stream)[0]

    def rng(self, name: str) -> Key:
        """The random stream `name` of whoever holds this context."""
        return rng.stream(self.key, name)

    def with_stream(self, name: str) -> Context:
        """The same context for a reader with the random stream `name` as its own."""
        return self._replace(key=self.rng(name))


TermFn = Callable[[Context, Any, PyTree], tuple[Array, PyTree]]


def _no_state() -> PyTree:
    return ()


def not_zero(number: Any) -> bool:
    """Whether a setting is on: not the number 0. A tracer or a schedule is never known to be off."""
    return not (isinstance(number, (int, float)) and number == 0)


class Term(NamedTuple):
    """A named scalar objective.

    fn:     (context, out, state) -> (scalar, state), where `out` is what the player's forward pass returned.
    weight: a float, a traced scalar, or a schedule step -> scalar. Python 0 removes the term from the graph.
    every:  evaluated on steps divisible by `every`, its loss then scaled by `every` (lazy regularisation,
            Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix B).
    init:   () -> state, the arrays that the term carries from step to step.
    average_state: whether the states of several replicas may be averaged, see `Net`.
    phases: the phases of training that have this term; None for all.
    """

    fn: TermFn
    weight: float | Array | Schedule = 1.0
    every: int = 1
    init: Callable[[], PyTree] = _no_state
    average_state: bool = True
    phases: tuple[str, ...] | None = None

    @property
    def removed(self) -> bool:
        """True where the weight is the number 0 (a tracer or a schedule is never known to be)."""
        return not not_zero(self.weight)


Summary = Callable[['Context', Any], dict[str, Any]]


def _no_summary(context: Context, out: Any) -> dict[str, Any]:
    return {}


def counted(value: Any) -> tuple[Array, Array]:
    """What a summary says, as a metric: a scalar counts once, and a pair (sum, count) is one already."""
    return value if isinstance(value, tuple) else (value, jnp.ones(()))


class Player(NamedTuple):
    """Whoever owns the nets `wrt` and moves them downhill.

    forward:   context -> (out, context): the one forward pass of a move, which all terms share.
    terms:     name -> Term; the loss is the weighted sum.
    optimizer: an optax transformation over {net: params} of the nets in `wrt`. Its `update` is given the
               training step as the extra argument `step`, which schedules of `optimizers.make` follow; those
               of optax itself count the player's moves.
    updates:   moves per training step (n_critic, for a critic).
    grad:      has the signature of `jax.value_and_grad`; swap it to clip per-example gradients. It is called
               as grad(loss, argnums=..., has_aux=True)(own_params, fakes, data, key), where `fakes` are the
               float leaves of the fakes and every leaf of `data` has the rows of the batch as its first axis.
               Noise does not belong here but into `optimizer`, which sees the mean over all replicas: drawn
               here, the noise of n replicas would be averaged, to 1/sqrt(n) of its standard deviation.
    summary:   (context, out) -> name -> scalar, or (sum, count) of what may not exist (count 0): what to log
        beside the terms.
    resample:  draw new fakes for this player rather than share those of the player before.
    phases:    the phases of training in which the player moves; None for all.
    """

    nets: tuple[str, ...]
    forward: Callable[[Context], tuple[Any, Context]]
    terms: Mapping[str, Term]
    optimizer: optax.GradientTransformation
    updates: int = 1
    grad: Callable[..., Any] = jax.value_and_grad
    summary: Summary = _no_summary
    resample: bool = False
    phases: tuple[str, ...] | None = None

    @property
    def live_terms(self) -> dict[str, Term]:
        return {name: term for name, term in self.terms.items() if not term.removed}


def _no_latents(key: Key, num: int, batch: Batch) -> Batch:
    return {}


def _no_fakes(context: Context) -> tuple[Batch, Context]:
    return {}, context


class Phase(NamedTuple):
    """A part of training, static: each phase is a program of its own. start: its first training step."""

    name: str
    start: int


class Frozen(NamedTuple):
    """The arrays of a net that nobody trains (a VGG-16 of a perceptual loss): no part of the train state."""

    params: PyTree
    model_state: PyTree = ()


def _as_it_is(step: Step) -> Step:
    return step


def _of_one(found: PyTree) -> PyTree:
    return found


class Game(NamedTuple):
    """Networks and players: a whole GAN.

    latents:      (key, num, batch) -> dict of arrays with leading axis `num`: the noise that fakes are made
                  from. `batch` holds the conditions, and in training the other fields too.
    conditions:   the batch fields that fakes are made from beside noise: ('label',), an image, a mask.
                  `sample_latents` adds them to the latents. Whoever samples has to bring them.
    generate:     context -> (fakes, context): the generator's pass, made once and shared by the players.
                  Gradients are pulled back to the float leaves of `fakes`; others (sampled tokens) ride along.
    synthesize:   the same outside of training, where it differs: where `generate` reads what only training
                  has, as an encoder of reals does. None: `generate`.
    generator:    the names of the nets that `generate` runs and that gradients are pulled back to.
    frozen:       net -> its arrays: nets of `nets` that are not trained, initialised or saved.
    phases:       the phases of training in the order of their starts, the first at step 0; () for one.
    ema:          net -> decay (float or schedule of the step): nets of which a moving average is kept.
    simultaneous: every player answers the others' parameters as they stood at the start of the step.
    wrap:         step -> step: what is done with the step as a whole (see wrappers.extragradient).
    mean:         tree -> tree: of what a move found on its rows (gradient, loss, statistics, states, metrics)
                  the mean over all replicas, where several play the game, each on rows of its own (see
                  sharding.py).
    """

    nets: Mapping[str, Net]
    players: Mapping[str, Player]
    latents: Callable[[Key, int, Batch], Batch] = _no_latents
    generate: Callable[[Context], tuple[Batch, Context]] = _no_fakes
    generator: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    synthesize: Callable[[Context], tuple[Batch, Context]] | None = None
    frozen: Mapping[str, Frozen] = {}
    phases: tuple[Phase, ...] = ()
    ema: Mapping[str, float | Schedule] = {}
    simultaneous: bool = False
    wrap: Callable[[Step], Step] = _as_it_is
    mean: Callable[[PyTree], PyTree] = _of_one

    def sample_latents(self, key: Key, num: int, batch: Batch) -> Batch:
        """Noise and conditions: leaves [num, ...].

        Raises:
          GaxError: `batch` lacks a condition.
        """
        if missing := [name for name in self.conditions if name not in batch]:
            raise errors.GaxError(
                f'fakes of this game are made from {", ".join(self.conditions)}, and {missing[0]!r} was not given'
            )
        conditions = {name: batch[name] for name in self.conditions}
        return {**self.latents(key, num, batch), **conditions}

    def phase_at(self, step: int) -> str:
        """The name of the phase that `step` belongs to; '' for a game without phases."""
        return max(
            (p for p in self.phases if p.start <= step), key=lambda p: p.start, default=Phase('', 0)
        ).name


@flax.struct.dataclass
class TrainState:
    """Every array of a run, and only arrays: the train state is the checkpoint.

    step: int32 (). key: uint32 key data of the root stream. params, model_state: by net. opt_state: by
        player.
    term_state: by player, then term. ema: by net, {'params', 'model_state'}. Typed keys in any of them are
    `rng.KeyData` between steps; within a step, and to whoever samples, they are keys.
    """

    step: Array
    key: Array
    params: dict[str, PyTree]
    model_state: dict[str, PyTree]
    opt_state: dict[str, PyTree]
    term_state: dict[str, dict[str, PyTree]]
    ema: dict[str, PyTree]
