"""The only place that updates anything: from a Game to pure functions of (state, batch).

`make_update(game, player)` is one player's update, `make_step(game)` all updates of a training step. Neither
compiles: the caller jits, scans, vmaps or shards them.

`jax.vjp` runs the generator once for each draw of latents. Players that do not train the generator see the
fakes through `stop_gradient`. For a player that trains it, the loss is differentiated with respect to the
fakes, against the other players' current parameters, and that gradient is pulled back through the same
forward pass. XLA does not merge two equal passes by itself (measured), so a game whose players share fakes
costs one generator forward per step instead of two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gax import errors
from gax.core import ema, player_loss, rng, schedules
from gax.core.types import (
    Array,
    Batch,
    Game,
    Key,
    Metrics,
    PyTree,
    Step,
    TrainState,
)
from gax.core.updates import Due, Move, batches_per_step, groups, moves, phase_names

LARGE = 1 << 15  # leaves of this many numbers get a reduction for themselves, see `_norm`


class Pass(NamedTuple):
    """One forward pass of the generator and its vector-Jacobian product.

    Attributes:
      batch: The batch of this draw.
      latents: The latents.
      fakes: The float leaves of the fakes, and None in place of the other leaves.
      others: The other leaves, and None in place of the float leaves.
      pullback: The gradient with respect to `fakes` -> ({net: gradient of its parameters},).
    """

    batch: Batch
    latents: Batch
    fakes: PyTree
    others: PyTree
    pullback: Callable[[PyTree], tuple[dict[str, PyTree]]]


class Keys(NamedTuple):
    """The PRNG keys of an update: one for latents and the generator's pass, one for the player's loss."""

    draw: Key
    update: Key


Static = tuple[str, Due | None, str]  # of an update: the player, the lazy terms that are evaluated, the phase


def _draw_stream(move: Move) -> str:
    return f'draw/{move.draw}'


def _update_stream(move: Move) -> str:
    return f'{move.player}/{move.turn}'


def _keys(state: TrainState, move: Move) -> Keys:
    key = rng.at_step(state.key, state.step)
    return Keys(rng.stream(key, _draw_stream(move)), rng.stream(key, _update_stream(move)))


def init(game: Game, key_data: Array) -> TrainState:
    """The state before the first step. Pure; faster under `jit`.

    Args:
      game: The game.
      key_data: uint32 [2], see `rng.root`.

    Returns:
      The train state. Its leaves share no buffers, so that it can be donated.
    """
    key = jax.random.wrap_key_data(key_data, impl='threefry2x32')
    trained = {name: net for name, net in game.nets.items() if name not in game.frozen}
    variables = {name: net.init(rng.stream(key, f'init/{name}')) for name, net in trained.items()}
    params = {name: p for name, (p, _) in variables.items()}
    model_state = {name: s for name, (_, s) in variables.items()}
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        key=key_data,
        params=params,
        model_state=model_state,
        opt_state={n: p.optimizer.init(_select(params, p.nets)) for n, p in game.players.items()},
        term_state={
            n: {label: t.init() for label, t in p.live_terms.items()} for n, p in game.players.items()
        },
        ema={n: {'params': params[n], 'model_state': model_state[n]} for n in game.ema},
    )
    # A copy, because leaves that share a buffer, with each other or with key_data, cannot be donated.
    return jax.tree.map(lambda x: jnp.array(x, copy=True), rng.as_data(state))


def make_update(game: Game, player: str, turn: int = 0, due: Due | None = None, phase: str = '') -> Step:
    """One player's update, (state, batch) -> (state, metrics). `state.step` does not advance: see `finish`.

    Args:
      game: The game.
      player: The name of the player.
      turn: The number of the update among the player's updates in a step. Different turns draw different
        fakes.
      due: As in `make_step`.
      phase: As in `make_step`.

    Returns:
      A pure function. Its batch has B examples.

    Raises:
      GaxError: There is no such player or phase.
    """
    errors.lookup('player', player, game.players)
    errors.lookup('phase of training', phase, dict.fromkeys(phase_names(game)))
    move = {(m.player, m.turn): m for m in moves(game, phase)}[player, turn]

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        state = rng.as_keys(state)
        keys = _keys(state, move)
        state, shared = _generate(game, state, state.params, batch, keys.draw, phase)
        static = player, due, phase
        return rng.as_data(_update(game, static, state, state.params, shared, keys.update))

    return update


def make_step(game: Game, due: Due | None = None, phase: str = '', unroll: bool = False) -> Step:
    """All updates of one training step: (state, batch) -> (state, metrics).

    Args:
      game: The networks and players.
      due: The lazy terms to evaluate, when the caller knows the step (`due_terms`). None compiles one program
        that is right on every step, and pays for the lazy terms on each; use it under `vmap` and `scan`.
      phase: The phase of training that the steps belong to (`game.phase_at(step)`).
      unroll: Whether to trace every update of a player. By default the updates of a group (see `groups`) are
        one `scan`, whose body is compiled once. Both compute the same up to rounding.

    Returns:
      A pure function. The leaves of its batch have `batches_per_step(game) * B` examples; draw i takes
      examples i, i + draws, ...: a slice that stays on its device when the batch is sharded. Its metrics are
      those of the players that are updated in this phase.

    Raises:
      GaxError: The game has phases, and `phase` is none of them.
    """
    errors.lookup('phase of training', phase, dict.fromkeys(phase_names(game)))
    count = batches_per_step(game)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        start = state = rng.as_keys(state)
        shared: Pass | None = None
        last: Move | None = None
        updated: set[str] = set()
        metrics: Metrics = {}
        for group in groups(moves(game, phase), unroll):
            player, move = game.players[group[0].player], group[-1]
            static = move.player, due, phase
            if len(group) > 1:
                state, new = _repeat(game, static, group, start, state, batch, count)
                metrics, last = _add(metrics, new), move
                continue
            keys = _keys(state, move)
            generators = set(player.nets) & set(game.generator)
            current = start.params if game.simultaneous else state.params
            # The pass is run again where a net that this player trains has been updated since.
            if shared is None or last is None or last.draw != move.draw or generators & updated:
                drawn = jax.tree.map(lambda x: x[move.draw :: count], batch)  # noqa: B023 (used at once)
                params = {**current, **_select(state.params, player.nets)}
                state, shared = _generate(game, state, params, drawn, keys.draw, phase)
                updated = set()
            state, new = _update(game, static, state, current, shared, keys.update)
            updated, last = updated | generators, move
            metrics = _add(metrics, new)
        return rng.as_data(finish(game, state)), metrics

    return game.wrap(step)


def _repeat(
    game: Game,
    static: Static,
    group: list[Move],
    start: TrainState,
    state: TrainState,
    batch: Batch,
    count: int,
) -> tuple[TrainState, Metrics]:
    """The updates of `group`, each on a draw of its own, as one scan. Metrics are summed over them."""
    player, _, phase = static
    first, end = group[0].draw, group[-1].draw + 1
    draws = jax.tree.map(lambda x: jnp.stack([x[i::count] for i in range(first, end)]), batch)
    numbers = [rng.numbers([name(move) for move in group]) for name in (_draw_stream, _update_stream)]

    def body(state: TrainState, part: Any) -> tuple[TrainState, Metrics]:
        drawn, draw, turn = part
        key = rng.at_step(state.key, state.step)
        keys = Keys(jax.random.fold_in(key, draw), jax.random.fold_in(key, turn))
        current = start.params if game.simultaneous else state.params
        params = {**current, **_select(state.params, game.players[player].nets)}
        state, shared = _generate(game, state, params, drawn, keys.draw, phase)
        return _update(game, static, state, current, shared, keys.update)

    state, metrics = jax.lax.scan(body, state, (draws, *numbers))
    return state, jax.tree.map(lambda x: jnp.sum(x, axis=0), metrics)


def finish(game: Game, state: TrainState) -> TrainState:
    """Ends a training step: updates the moving averages and counts the step."""
    averaged = {}
    for name, decay in game.ema.items():
        value = {'params': state.params[name], 'model_state': state.model_state[name]}
        averaged[name] = ema.update(state.ema[name], value, schedules.at(decay, state.step))
    return replace(state, step=state.step + 1, ema=averaged)


def _is_float(leaf: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(leaf), jnp.inexact))


def _generate(
    game: Game, state: TrainState, params: dict[str, PyTree], batch: Batch, key: Key, phase: str
) -> tuple[TrainState, Pass]:
    """Runs the generator on new latents, and keeps its vector-Jacobian product."""
    sizes = [x.shape[0] for x in jax.tree.leaves(batch)]
    latents = game.sample_latents(rng.stream(key, 'latents'), sizes[0] if sizes else 0, batch)
    stream = rng.stream(key, 'generate')

    def run(trained: dict[str, PyTree]) -> tuple[PyTree, tuple[PyTree, dict[str, PyTree]]]:
        context = player_loss.context_of(
            game, state, {**params, **trained}, batch, latents, {}, stream, phase
        )
        fakes, context = game.generate(context)
        floats = jax.tree.map(lambda x: x if _is_float(x) else None, fakes)
        others = jax.tree.map(lambda x: None if _is_float(x) else x, fakes)
        return floats, (others, player_loss.trained_state(game, context))

    fakes, pullback, (others, model_state) = jax.vjp(run, _select(params, game.generator), has_aux=True)
    return replace(state, model_state=model_state), Pass(batch, latents, fakes, others, pullback)


def _update(
    game: Game,
    static: Static,
    state: TrainState,
    current: dict[str, PyTree],
    shared: Pass,
    key: Key,
) -> tuple[TrainState, Metrics]:
    """Computes one player's gradient and update, against the parameters `current` of the others."""
    name, due, phase = static
    player = game.players[name]
    params = _select(state.params, player.nets)
    pulls = tuple(name for name in game.generator if name in player.nets)
    loss = player_loss.loss_of(game, name, due, phase, state, current)
    grad = player.grad(loss, argnums=(0, 1) if pulls else (0,), has_aux=True)
    fakes = jax.tree.map(jax.lax.stop_gradient, shared.fakes)
    (total, aux), grads = grad(params, fakes, (shared.batch, shared.latents, shared.others), key)
    direct = grads[0]
    if pulls:
        pulled = shared.pullback(grads[1])[0]
        direct = {**direct, **{n: jax.tree.map(jnp.add, direct[n], pulled[n]) for n in pulls}}
    direct, total, aux = game.mean((direct, total, aux))
    optimizer = optax.with_extra_args_support(player.optimizer)
    with jax.numpy_dtype_promotion('standard'):  # optax mixes types: Adam's bias correction is b1 ** count
        updates, opt_state = optimizer.update(direct, state.opt_state[name], params, step=state.step)
    model_state, term_state, metrics = aux
    sizes = {'grad_norm': direct, 'update_norm': updates, 'param_norm': params}
    metrics |= {f'{name}/{label}': (_norm(tree), jnp.ones(())) for label, tree in sizes.items()}
    return replace(
        state,
        params={**state.params, **optax.apply_updates(params, updates)},
        model_state=model_state,
        opt_state={**state.opt_state, name: opt_state},
        term_state={**state.term_state, name: term_state},
    ), {f'{name}/loss': (total, jnp.ones(())), **metrics}


def _norm(tree: PyTree) -> Array:
    """The L2 norm over all leaves.

    Small leaves are concatenated, because one reduction for each leaf makes a small step half as long again.
    Large leaves are not: within their concatenation XLA would compute the gradient once more, number by
    number.
    """
    leaves = [leaf.reshape(-1) for leaf in jax.tree.leaves(tree)]
    parts = [leaf for leaf in leaves if leaf.size >= LARGE]
    if small := [leaf for leaf in leaves if leaf.size < LARGE]:
        parts.append(jnp.concatenate(small))
    return jnp.sqrt(sum(jnp.vdot(part, part).astype(jnp.float32) for part in parts))


def _select(params: dict[str, PyTree], names: tuple[str, ...]) -> dict[str, PyTree]:
    return {name: params[name] for name in names}


def _add(left: Metrics, right: Metrics) -> Metrics:
    """Adds sums and counts by name. Names keep the order of their first appearance."""
    merged = dict(left)
    for name, pair in right.items():
        merged[name] = jax.tree.map(jnp.add, merged[name], pair) if name in merged else pair
    return merged
