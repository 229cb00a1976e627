"""The results of an evaluation as a table of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gax.evals.evaluator import Evaluator

INPUT = (
    'input: the inputs in place of the fakes (another size resized bicubically, one channel repeated, a hole '
    'filled with the mean of the known pixels)'
)


def table(
    evaluator: Evaluator, rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The results as text, a line per metric and a column per step.

    Args:
      evaluator: The evaluator.
      rows: The results.
      others: Results to compare with.

    Returns:
      The table, with the score of real data and the direction that is better, and the legend.
    """
    heads = ['samples' if row['step'] is None else f'step {row["step"]}' for row in rows]
    baseline = rows[0].get('baseline', {})
    heads += [f'against {row["step"]}' for row in others]
    heads += [*(['input'] if baseline else []), 'real', 'better']
    columns = [*rows, *others]
    lines = [['metric', *heads]]
    for name, better in evaluator.names.items():
        numbers = [row['metrics'].get(name) for row in columns]
        numbers += [*([baseline.get(name)] if baseline else []), evaluator.floor.get(name)]
        lines.append([name, *('' if n is None else f'{n:.5g}' for n in numbers), better or '-'])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    text = [
        '  '.join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
    return '\n'.join([text[0], '-' * len(text[0]), *text[1:], '', legend(evaluator, rows)])


def legend(evaluator: Evaluator, rows: Sequence[Mapping[str, Any]]) -> str:
    """Lines that describe the protocol, the reals of the column `real`, and what is left out."""
    protocol, (against, fakes) = rows[0]['protocol'], evaluator.floor_counts
    features = f'{protocol["features"]} {protocol["checksum"]}'.strip() or 'none'
    lines = [
        f'{protocol["data"]} ({protocol["image"]}, {protocol["split"]}), features {features}, resizer '
        f'{protocol["resizer"]}, {protocol["fake"]} fakes against {protocol["real"]} reals, seed '
        f'{protocol["seed"]}'
    ]
    if protocol['fake'] < protocol['real'] and set(evaluator.metrics) != {'frechet'}:
        lines[0] += f' (metrics that hold examples: against {protocol["fake"]} of them)'
    if protocol.get('pairs'):
        lines.append(protocol['pairs'])
    if rows[0].get('baseline'):
        lines.append(INPUT)
    if evaluator.floor:
        lines.append(f'real: {fakes} reals in place of the fakes against {against} others')
    if evaluator.floor and fakes < protocol['fake']:
        lines[-1] += (
            '; not the numbers of the result: distances are biased by them (for equal ones --num at most '
            'half the set)'
        )
    return '\n'.join([*lines, *(f'note: {note}' for note in evaluator.notes)])
