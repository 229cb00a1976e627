"""The only place that updates anything: from a Game to pure functions of (state, batch).

`make_update(game, player)` is one player's move, `make_step(game)` all moves of a training step. Neither
compiles: the caller jits, scans, vmaps or shards them.

The generator's pass is made once per draw by `jax.vjp`. Players who do not own the generator see the stopped
fakes; one who does is differentiated with respect to the fakes, against whatever the others have become by
then, and that gradient is pulled back through the same pass. XLA does not merge two equal passes by itself
(measured), so a game whose players share fakes costs one generator forward per step instead of two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gax import errors
from gax.core import ema, rng
from gax.core.types import Array, Batch, Context, Game, Key, Metrics, PyTree, Step, Term, TrainState, counted

Due = frozenset[str]  # labels 'player/term' of the lazy terms that are evaluated
LARGE = 1 << 15  # numbers in a leaf whose norm is taken apart


class Move(NamedTuple):
    """One update: the `turn`-th of `player` in this step, on the `draw`-th batch and set of fakes."""

    player: str
    turn: int
    draw: int


class Pass(NamedTuple):
    """One pass of the generator and the way back through it."""

    draw: int
    batch: Batch
    latents: Batch
    fakes: Batch
    pullback: Callable[[PyTree], tuple[dict[str, PyTree]]]


def moves(game: Game) -> list[Move]:
    """The moves of one step.

    A player who moves again gets new data; one who follows another shares the draw.
    """
    result: list[Move] = []
    for name, player in game.players.items():
        for turn in range(player.updates):
            again = bool(result) and (turn > 0 or player.resample)
            draw = (result[-1].draw if result else 0) + again
            result.append(Move(name, turn, draw))
    return result


def batches_per_step(game: Game) -> int:
    """How many batches one step consumes: `make_step` takes `draws * B` rows and deals them out in turn."""
    return moves(game)[-1].draw + 1


def lazy_terms(game: Game) -> dict[str, int]:
    """'player/term' -> interval, of the terms that are not evaluated on every step."""
    return {
        f'{name}/{label}': term.every
        for name, player in game.players.items()
        for label, term in player.live_terms.items()
        if term.every > 1
    }


def due_terms(game: Game, step: int) -> Due:
    """The lazy terms that fall due at `step`; pass it to `make_step` to compile the program of such steps."""
    return frozenset(label for label, every in lazy_terms(game).items() if step % every == 0)


def init(game: Game, key_data: Array) -> TrainState:
    """The state before the first step. key_data: uint32 [2], see `rng.root`. Pure; jit it, it is faster."""
    key = jax.random.wrap_key_data(key_data, impl='threefry2x32')
    made = {name: net.init(rng.stream(key, f'init/{name}')) for name, net in game.nets.items()}
    params = {name: p for name, (p, _) in made.items()}
    model_state = {name: s for name, (_, s) in made.items()}
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        key=key_data,
        params=params,
        model_state=model_state,
        opt_state={n: p.optimizer.init(_own(params, p.nets)) for n, p in game.players.items()},
        term_state={
            n: {label: t.init() for label, t in p.live_terms.items()} for n, p in game.players.items()
        },
        ema={n: {'params': params[n], 'model_state': model_state[n]} for n in game.ema},
    )
    # Copied: leaves that shared a buffer, with each other or with key_data, could not be donated.
    return jax.tree.map(lambda x: jnp.array(x, copy=True), rng.as_data(state))


def make_update(game: Game, player: str, turn: int = 0, due: Due | None = None) -> Step:
    """One player's update, (state, batch) -> (state, metrics). `state.step` does not advance: see `finish`.

    turn: which of the player's moves within the step; moves of different turns draw different fakes.
    due: as in `make_step`.
    """
    errors.lookup('player', player, game.players)
    move = {(m.player, m.turn): m for m in moves(game)}[player, turn]

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        state = rng.as_keys(state)
        state, shared = _generate(game, state, state.params, batch, move.draw)
        return rng.as_data(_move(game, move, due, state, state.params, shared))

    return update


def make_step(game: Game, due: Due | None = None) -> Step:
    """All moves of one training step: (state, batch) -> (state, metrics).

    batch: leaves with `batches_per_step(game) * B` rows; draw i takes rows i, i + draws, ...: a slice that
        stays on its device when rows are sharded.
    due: the lazy terms to evaluate, when the caller knows the step (`due_terms`). None compiles one program
        that is right on every step, and pays for the lazy terms on each; under `vmap` and `scan` that is the
        one to use.
    """
    plan, count = moves(game), batches_per_step(game)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        start = state = rng.as_keys(state)
        shared: Pass | None = None
        moved: set[str] = set()
        metrics: Metrics = {}
        for move in plan:
            own = game.players[move.player].nets
            wrt = set(own) & set(game.generator)
            seen = start.params if game.simultaneous else state.params
            if shared is None or shared.draw != move.draw or wrt & moved:
                rows = jax.tree.map(lambda x: x[move.draw :: count], batch)  # noqa: B023 (used at once)
                params = {**seen, **_own(state.params, own)}
                state, shared = _generate(game, state, params, rows, move.draw)
                moved = set()
            state, new = _move(game, move, due, state, seen, shared)
            moved |= wrt
            metrics = _add(metrics, new)
        return rng.as_data(finish(game, state)), metrics

    return game.wrap(step)


def finish(game: Game, state: TrainState) -> TrainState:
    """The end of a training step: averages move, the step counts up."""
    averaged = {}
    for name, decay in game.ema.items():
        value = {'params': state.params[name], 'model_state': state.model_state[name]}
        averaged[name] = ema.update(state.ema[name], value, _at(decay, state.step))
    return replace(state, step=state.step + 1, ema=averaged)


def _context(
    game: Game,
    state: TrainState,
    params: dict[str, PyTree],
    batch: Batch,
    latents: Batch,
    fakes: Batch,
    key: Key,
) -> Context:
    return Context(
        game.nets,
        params,
        state.model_state,
        batch,
        latents,
        fakes,
        key,
        state.step,
        term_state=state.term_state,
    )


def _generate(
    game: Game, state: TrainState, params: dict[str, PyTree], batch: Batch, draw: int
) -> tuple[TrainState, Pass]:
    """The generator's pass over fresh latents, with its way back."""
    key = rng.stream(rng.at_step(state.key, state.step), f'draw/{draw}')
    rows = [x.shape[0] for x in jax.tree.leaves(batch)]
    latents = game.latents(rng.stream(key, 'latents'), rows[0] if rows else 0, batch)

    def run(own: dict[str, PyTree]) -> tuple[Batch, dict[str, PyTree]]:
        context = _context(game, state, {**params, **own}, batch, latents, {}, rng.stream(key, 'generate'))
        fakes, context = game.generate(context)
        return fakes, dict(context.model_state)

    fakes, pullback, model_state = jax.vjp(run, _own(params, game.generator), has_aux=True)
    return replace(state, model_state=model_state), Pass(draw, batch, latents, fakes, pullback)


def _move(
    game: Game, move: Move, due: Due | None, state: TrainState, seen: dict[str, PyTree], shared: Pass
) -> tuple[TrainState, Metrics]:
    """One player's gradient and update, against the others' parameters `seen`."""
    player = game.players[move.player]
    own = _own(state.params, player.nets)
    key = rng.stream(rng.at_step(state.key, state.step), f'{move.player}/{move.turn}')
    pulls = tuple(name for name in game.generator if name in player.nets)
    loss = _loss(game, move.player, due, state, seen)
    grad = player.grad(loss, argnums=(0, 1) if pulls else (0,), has_aux=True)
    fakes = jax.tree.map(jax.lax.stop_gradient, shared.fakes)
    (total, aux), grads = grad(own, fakes, (shared.batch, shared.latents), key)
    direct = grads[0]
    if pulls:
        pulled = shared.pullback(grads[1])[0]
        direct = {**direct, **{n: jax.tree.map(jnp.add, direct[n], pulled[n]) for n in pulls}}
    direct, total, aux = game.mean((direct, total, aux))
    optimizer = optax.with_extra_args_support(player.optimizer)
    with jax.numpy_dtype_promotion('standard'):  # optax mixes types: Adam's bias correction is b1 ** count
        updates, opt_state = optimizer.update(direct, state.opt_state[move.player], own, step=state.step)
    model_state, term_state, metrics = aux
    sizes = {'grad_norm': direct, 'update_norm': updates, 'param_norm': own}
    metrics |= {f'{move.player}/{name}': (_norm(tree), jnp.ones(())) for name, tree in sizes.items()}
    return replace(
        state,
        params={**state.params, **optax.apply_updates(own, updates)},
        model_state=model_state,
        opt_state={**state.opt_state, move.player: opt_state},
        term_state={**state.term_state, move.player: term_state},
    ), {f'{move.player}/loss': (total, jnp.ones(())), **metrics}


def _loss(
    game: Game, name: str, due: Due | None, state: TrainState, seen: dict[str, PyTree]
) -> Callable[..., tuple[Array, Any]]:
    """The player's objective as a function of its own parameters and of the fakes."""
    player = game.players[name]

    def loss(own: dict[str, PyTree], fakes: Batch, data: tuple[Batch, Batch], key: Key) -> tuple[Array, Any]:
        batch, latents = data
        params = {**seen, **own}
        context = _context(game, state, params, batch, latents, fakes, key)
        out, context = player.forward(context)
        total = jnp.zeros((), jnp.float32)
        metrics: Metrics = {}
        term_state = dict(state.term_state[name])
        for label, term in player.live_terms.items():
            scale, on = _scale(term, f'{name}/{label}', state.step, due)
            if scale is None:
                metrics[f'{name}/{label}'] = (jnp.zeros(()), jnp.zeros(()))
                continue
            # A term reads the statistics of after the main pass, and a stream of its own.
            inner = context._replace(key=rng.stream(key, f'term/{label}'))
            value, new = term.fn(inner, out, term_state[label])
            total = total + scale * value
            term_state[label] = jax.tree.map(lambda n, o: jnp.where(on, n, o), new, term_state[label])  # noqa: B023
            metrics[f'{name}/{label}'] = (jnp.where(on, value, 0.0), on)
        metrics |= {f'{name}/{k}': counted(v) for k, v in player.summary(context, out).items()}
        return total, (dict(context.model_state), term_state, metrics)

    return loss


def _scale(term: Term, label: str, step: Array, due: Due | None) -> tuple[Array | float | None, Array]:
    """What multiplies the term in the loss (None: left out of this program), and whether it counts (1.0 or
    0.0).
    """
    weight, on = _at(term.weight, step), jnp.ones(())
    if term.every == 1:
        return weight, on
    if due is None:
        on = (step % term.every == 0).astype(jnp.float32)
        return weight * term.every * on, on
    return (weight * term.every, on) if label in due else (None, jnp.zeros(()))


def _norm(tree: PyTree) -> Array:
    """The L2 norm of all leaves together. Of small leaves as one product, for a reduction a leaf is half as
    much again of a small step; of large ones apart, for XLA would make a gradient anew within their
    concatenation, number by number.
    """
    leaves = [leaf.reshape(-1) for leaf in jax.tree.leaves(tree)]
    parts = [leaf for leaf in leaves if leaf.size >= LARGE]
    if small := [leaf for leaf in leaves if leaf.size < LARGE]:
        parts.append(jnp.concatenate(small))
    return jnp.sqrt(sum(jnp.vdot(part, part).astype(jnp.float32) for part in parts))


def _at(value: Any, step: Array) -> Any:
    return value(step) if callable(value) else value


def _own(params: dict[str, PyTree], names: tuple[str, ...]) -> dict[str, PyTree]:
    return {name: params[name] for name in names}


def _add(left: Metrics, right: Metrics) -> Metrics:
    """Sums and counts, added by name; the order of first appearance is kept."""
    merged = dict(left)
    for name, pair in right.items():
        merged[name] = jax.tree.map(jnp.add, merged[name], pair) if name in merged else pair
    return merged
