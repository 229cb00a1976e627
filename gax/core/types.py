"""The records that make up a GAN, and what each promises.

A GAN is a game between pure functions. A `Net` is a function with parameters. A `Player` trains some of the
nets by gradient descent on a weighted sum of `Term`s. A `Game` holds the nets and the players. A `TrainState`
holds every array. A player's functions read a `Context`. Nothing here computes a step: see step.py.
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
# 'image' float [B, H, W, C] in [-1, 1], 'label' int32 [B], 'point' float [B, D] ...
Batch = Mapping[str, Array]
Metrics = dict[str, tuple[Array, Array]]  # name -> (sum, count), both float32 scalars
Schedule = Callable[[Array], Array]
Step = Callable[['TrainState', Batch], tuple['TrainState', Metrics]]


class Net(NamedTuple):
    """A network as two pure functions. `nets.from_linen` makes one of a Flax module.

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
    """What a player's forward pass and its terms read. Immutable.

    Attributes:
      nets: The networks by name.
      params: Their parameters, by net.
      model_state: Their other arrays (batch statistics), by net.
      batch: The real data of this update.
      latents: What the fakes were made from: noise ('z', ...) and the conditions of the game.
      fakes: The generator's output, a dict like `batch`.
      key: A PRNG key that no other reader of the same update has.
      step: int32 scalar, the training step.
      train: Whether the nets run in training mode.
      term_state: By player, then term: the arrays that terms carry, as they were before this update. An
        augmentation whose strength a term controls reads them.
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
        """Runs net `name` in a main forward pass, which updates its model_state.

        Args:
          name: The net.
          *inputs: Its inputs.
          stream: The random stream of this pass; the net's name by default. Two passes of one net in the same
            context need different streams, or they share dropout masks.

        Returns:
          The net's output, and the context with the new model_state.
        """
        key = rng.stream(self.key, stream or name)
        out, new = self.nets[name].apply(
            self.params[name], self.model_state[name], *inputs, train=self.train, key=key
        )
        return out, self._replace(model_state={**self.model_state, name: new})

    def apply(self, name: str, *inputs: Any, stream: str = '') -> Any:
        """Runs net `name` and returns its output only. Penalties use it: statistics do not advance."""
        return self.apply_and_update(name, *inputs, stream=stream)[0]

    def rng(self, name: str) -> Key:
        """A PRNG key for stream `name`, folded from this context's key.

        Distinct names give independent streams.
        """
        return rng.stream(self.key, name)

    def with_stream(self, name: str) -> Context:
        """The same context with the key of stream `name` as its key."""
        return self._replace(key=self.rng(name))


TermFn = Callable[[Context, Any, PyTree], tuple[Array, PyTree]]


def _no_state() -> PyTree:
    return ()


def not_zero(number: Any) -> bool:
    """False only for the Python number 0.

    Tracers and schedules count as non-zero, because their value is unknown at trace time.
    """
    return not (isinstance(number, (int, float)) and number == 0)


class Term(NamedTuple):
    """A named scalar objective.

    Attributes:
      fn: (context, out, state) -> (scalar, state). `out` is what the player's forward pass returned.
      weight: A float, a traced scalar, or a schedule step -> scalar. The Python number 0 removes the term
        from the program.
      every: The term is evaluated on steps divisible by `every`, and its loss is multiplied by `every` (lazy
        regularisation, Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix
        B).
      init: () -> state, the arrays that the term carries from step to step.
      average_state: Whether the states of several replicas may be averaged, see `Net`.
      phases: The phases of training that have this term; None for all.
    """

    fn: TermFn
    weight: float | Array | Schedule = 1.0
    every: int = 1
    init: Callable[[], PyTree] = _no_state
    average_state: bool = True
    phases: tuple[str, ...] | None = None

    @property
    def removed(self) -> bool:
        """True where the weight is the Python number 0, see `not_zero`."""
        return not not_zero(self.weight)


Summary = Callable[['Context', Any], dict[str, Any]]


def _no_summary(context: Context, out: Any) -> dict[str, Any]:
    return {}


def counted(value: Any) -> tuple[Array, Array]:
    """A value of a summary as a metric: a scalar counts once; a pair (sum, count) is one already."""
    return value if isinstance(value, tuple) else (value, jnp.ones(()))


class Player(NamedTuple):
    """One optimisation problem of the game: the networks it updates, its loss terms, and its optimizer.

    Attributes:
      nets: The names of the nets that the player trains.
      forward: context -> (out, context), the one forward pass of an update. All terms read its output.
      terms: name -> Term. The loss is their weighted sum.
      optimizer: An optax transformation over {net: params} of `nets`. Its `update` receives the training step
        as the extra argument `step`, which the schedules of `optimizers.make` follow. Schedules of optax
        itself count the player's updates.
      updates: Updates per training step (n_critic, for a critic).
      grad: A function with the signature of `jax.value_and_grad`; replace it to clip per-example gradients.
        It is called as grad(loss, argnums=..., has_aux=True)(params, fakes, data, key). `fakes` are the float
        leaves of the fakes, and every leaf of `data` has the batch as its first axis. Gradient noise does not
        belong here but in `optimizer`, which sees the mean over all replicas: if each of n replicas drew
        noise here, averaging would reduce its standard deviation by a factor of sqrt(n).
      summary: (context, out) -> name -> scalar, or (sum, count) of a quantity that may not exist (count 0):
        what to log as well as the terms.
      resample: Whether the player's first update draws new fakes. By default it shares those of the player
        before.
      phases: The phases of training in which the player is updated; None for all.
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
        """The terms whose weight is not the Python number 0."""
        return {name: term for name, term in self.terms.items() if not term.removed}


def _no_latents(key: Key, num: int, batch: Batch) -> Batch:
    return {}


def _no_fakes(context: Context) -> tuple[Batch, Context]:
    return {}, context


class Phase(NamedTuple):
    """A static part of training. Each phase compiles its own programs.

    Attributes:
      name: Its name.
      start: Its first training step.
    """

    name: str
    start: int


class Frozen(NamedTuple):
    """The arrays of a net that is not trained (a VGG-16 of a perceptual loss).

    The train state does not hold them.

    Attributes:
      params: Its parameters.
      model_state: Its other arrays.
    """

    params: PyTree
    model_state: PyTree = ()


class Styles(NamedTuple):
    """A generator in two parts, see styles.py.

    Attributes:
      mapping: context -> (ws, context): the styles of its latents and conditions, float [B, L, W], a vector w
        for each of L layers.
      synthesis: (context, ws) -> (fakes, context). It makes each example from its styles alone.
      average: context -> float [W], the average of w over training; or [B, W], for each example that of its
        class.
    """

    mapping: Callable[[Context], tuple[Array, Context]]
    synthesis: Callable[[Context, Array], tuple[Batch, Context]]
    average: Callable[[Context], Array]


def _identity_wrap(step: Step) -> Step:
    return step


def _identity_mean(tree: PyTree) -> PyTree:
    return tree


class Game(NamedTuple):
    """Networks and players: a whole GAN.

    Attributes:
      nets: The networks by name.
      players: The players by name, in the order of their updates.
      latents: (key, num, batch) -> dict of arrays with leading axis `num`, the noise that fakes are made
        from. `batch` holds the conditions, and in training the other fields too.
      generate: context -> (fakes, context), the generator's forward pass. The players share it. Gradients are
        pulled back to the float leaves of `fakes`; other leaves (sampled tokens) have no gradient.
      generator: The names of the nets that `generate` runs and that gradients are pulled back to.
      conditions: The batch fields that fakes are made from in addition to noise: ('label',), an image, a
        mask. `sample_latents` adds them to the latents. Sampling needs them as well.
      synthesize: The forward pass outside of training, for a `generate` that reads what only training has,
        such as an encoder of reals. None: `generate`.
      styles: The two parts of a generator that makes fakes from styles; None for others.
      frozen: net -> its arrays, for those of `nets` that are not trained, initialised or saved.
      phases: The phases of training in the order of their starts, the first at step 0; () for a single one.
      ema: net -> decay (float or schedule of the step), for nets that keep a moving average.
      simultaneous: Whether every player is updated against the parameters of the start of the step. By
        default a player sees the updates before its own.
      wrap: step -> step, a transformation of the whole step (see wrappers.extragradient).
      mean: Averages a pytree over replicas (identity with one replica). It is applied to gradients, losses,
        metrics and states of each update under `shard_map` and `pmap` (see sharding.py).
    """

    nets: Mapping[str, Net]
    players: Mapping[str, Player]
    latents: Callable[[Key, int, Batch], Batch] = _no_latents
    generate: Callable[[Context], tuple[Batch, Context]] = _no_fakes
    generator: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    synthesize: Callable[[Context], tuple[Batch, Context]] | None = None
    styles: Styles | None = None
    frozen: Mapping[str, Frozen] = {}
    phases: tuple[Phase, ...] = ()
    ema: Mapping[str, float | Schedule] = {}
    simultaneous: bool = False
    wrap: Callable[[Step], Step] = _identity_wrap
    mean: Callable[[PyTree], PyTree] = _identity_mean

    def sample_latents(self, key: Key, num: int, batch: Batch) -> Batch:
        """Draws noise and adds the conditions.

        Args:
          key: A PRNG key.
          num: The number of examples.
          batch: Holds the conditions, leaves [num, ...].

        Returns:
          The latents, leaves [num, ...].

        Raises:
          GaxError: `batch` lacks a condition.
        """
        if missing := [name for name in self.conditions if name not in batch]:
            raise errors.GaxError(
                f'fakes of this game are made from {", ".join(self.conditions)}, '
                f'and {missing[0]!r} was not given'
            )
        conditions = {name: batch[name] for name in self.conditions}
        return {**self.latents(key, num, batch), **conditions}

    def phase_at(self, step: int) -> str:
        """The name of the phase that contains `step`; '' for a game without phases."""
        return max(
            (p for p in self.phases if p.start <= step), key=lambda p: p.start, default=Phase('', 0)
        ).name


@flax.struct.dataclass
class TrainState:
    """Every array of a run, and only arrays: the train state is the checkpoint.

    Between steps typed PRNG keys in it are stored as `rng.KeyData`. Within a step, and in sampling, they are
    keys.

    Attributes:
      step: int32 (), the number of finished training steps.
      key: uint32 key data of the root stream.
      params: By net.
      model_state: By net.
      opt_state: By player.
      term_state: By player, then term.
      ema: By net, {'params', 'model_state'}.
    """

    step: Array
    key: Array
    params: dict[str, PyTree]
    model_state: dict[str, PyTree]
    opt_state: dict[str, PyTree]
    term_state: dict[str, dict[str, PyTree]]
    ema: dict[str, PyTree]
