"""The runs of a sweep as rows, settings over their seeds, and sweep.csv."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gax import errors, paths
from gax.config import fields
from gax.data import identity
from gax.sweep import objective as objectives
from gax.sweep import space, stats
from gax.sweep.objective import Measured, Objective
from gax.sweep.space import Setting

STATES = {
    'WAITING': 'waiting',
    'RUNNING': 'running',
    'COMPLETE': 'done',
    'PRUNED': 'pruned',
    'FAIL': 'failed',
}


class Row(NamedTuple):
    """One run. metrics: what it has measured, objective.measure. folder: relative to the sweep's, '' before
    it is known.
    data: its data.json; {} before it is known.
    """

    trial: int
    setting: Setting
    seed: int
    state: str
    metrics: Measured
    step: int = 0
    seconds: float = 0.0
    folder: str = ''
    host: str = ''
    error: str = ''
    data: Mapping[str, Any] = {}

    def value(self, objective: Objective | None) -> float | None:
        """The objective, of a run that is done and has one that is finite."""
        found = objectives.value(objective, self.metrics) if objective and self.state == 'done' else None
        return found if found is not None and math.isfinite(found) else None


class Group(NamedTuple):
    """A setting over its seeds. values: seed -> objective. interval: None where there is no value. p: of
    best against it.
    """

    setting: Setting
    rows: list[Row]
    values: dict[int, float]
    interval: stats.Interval | None
    p: float | None = None

    @property
    def label(self) -> str:
        return space.label(self.setting)


def rows(trials: Sequence[Any], workdir: Path, refresh: bool = False) -> list[Row]:
    """A row for each run of the trials, by number. refresh: what has been measured since (evaluated, say) is
    read anew.
    """
    found: list[Row] = []
    for t in trials:
        setting, state = t.user_attrs.get('setting', {}), STATES[t.state.name]
        for seed in t.user_attrs.get('seeds', ()):
            folder = f'runs/{space.folder(setting, seed)}' if 'setting' in t.user_attrs else ''
            outcome = t.user_attrs.get(f'run {seed}')
            if outcome is None:  # a failed trial's later seeds are not run
                found.append(
                    Row(
                        t.number, setting, seed, 'left' if t.state.is_finished() else state, {}, folder=folder
                    )
                )
                continue
            kept = {k: outcome[k] for k in ('metrics', 'step', 'seconds', 'folder', 'host', 'error')}
            kept['data'] = outcome.get('data', {})
            if refresh and (workdir / folder / 'metrics.jsonl').exists():
                kept['metrics'] = objectives.measure(workdir / folder) or kept['metrics']
            found.append(Row(t.number, setting, seed, outcome['state'], **kept))
    return found


def groups(found: Sequence[Row], objective: Objective | None) -> list[Group]:
    """Settings over their seeds, the best mean first, those without values last.

    Settings with fewer finished seeds than the most stand behind those that have them all: a mean over the
    seeds that went
    well is not one over all. p: of the paired t test of the first against each over their shared seeds,
    corrected by Holm for the number of them. Raises GaxError where the runs measured the objective by
    different protocols, or were trained on data that is no longer what it was.
    """
    by: dict[str, list[Row]] = {}
    for row in found:
        by.setdefault(json.dumps(row.setting, sort_keys=True), []).append(row)
    made: list[Group] = []
    for its in by.values():
        values = {row.seed: v for row in its if (v := row.value(objective)) is not None}
        made.append(
            Group(its[0].setting, its, values, stats.interval(list(values.values())) if values else None)
        )
    if objective:
        done = {row.folder: row.metrics for row in found if row.value(objective) is not None}
        objectives.refuse_other_protocols(objective, done)
        refuse_other_data([row for row in found if row.folder in done])
        sign = 1 if objective.direction == 'minimize' else -1
        made.sort(key=lambda g: (-len(g.values), sign * g.interval.mean if g.interval else 0.0))
    return with_p(made)


def refuse_other_data(found: Sequence[Row]) -> None:
    """Raises GaxError, with what differs, where runs whose settings say the same of the data were trained on
    other data.
    """
    first: dict[str, Row] = {}
    for row in (row for row in found if row.data):
        fields_of_data = {field: v for field, v in row.setting.items() if field.startswith('data.')}
        other = first.setdefault(json.dumps(fields_of_data, sort_keys=True), row)
        differ = identity.differences(identity.from_json(other.data), identity.from_json(row.data))
        if differ:
            raise errors.GaxError(
                f'the data has changed between {other.folder} and {row.folder} ({"; ".join(differ)}): they cannot be compared; '
                'sweep anew, in another folder'
            )


def with_p(made: list[Group]) -> list[Group]:
    tested = [g for g in made[1:] if len(g.values.keys() & made[0].values.keys()) > 1]
    corrected = stats.holm([stats.compare(made[0].values, g.values).p for g in tested])
    by = {id(g): p for g, p in zip(tested, corrected, strict=True)}
    return [g._replace(p=by.get(id(g))) for g in made]


def completed(found: Sequence[Row], base: ConfigDict) -> list[Row]:
    """Every row with a value for every field that any of them sets: that of the base config where it sets
    none.
    """
    whole = {field: fields.get(base, field) for row in found for field in row.setting}
    return [row._replace(setting={**whole, **row.setting}) for row in found]


def best_run(found: Sequence[Row], objective: Objective | None) -> Row | None:
    """The run with the best value, of whatever setting."""
    best: Row | None = None
    for row in found:
        value, other = row.value(objective), best.value(objective) if best else None
        if objective and value is not None and (other is None or objective.better(value, other)):
            best = row
    return best


def require_reported(found: Sequence[Row], objective: Objective | None) -> None:
    """Raises GaxError where runs are done, and none has measured the objective."""
    done = [row for row in found if row.state == 'done']
    if objective and done and not any(row.value(objective) is not None for row in done):
        raise errors.GaxError(
            objectives.not_reported(objective, {name for row in done for name in row.metrics})
        )


def write_csv(found: Sequence[Row], objective: Objective | None, path: Path) -> None:
    """One line a run: setting, seed, state, objective, the last value of every metric, steps, seconds,
    folder, error.
    """
    swept = list(dict.fromkeys(field for row in found for field in row.setting))
    names = sorted({n for row in found for n in row.metrics if n != 'seconds'})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    tail = ['steps', 'seconds', 'host', 'folder', 'error']
    head = ['trial', 'state', *swept, 'seed', *([f'objective {objective}'] if objective else [])]
    writer.writerow([*head, *names, *tail])
    for row in found:
        value = [row.value(objective)] if objective else []
        measured = [row.metrics.get(name, {}).get('last') for name in names]
        settings = [row.setting.get(field) for field in swept]
        cells: list[Any] = [row.trial, row.state, *settings, row.seed, *value, *measured]
        last = [row.step, round(row.seconds, 1), row.host, row.folder, row.error]
        writer.writerow(['' if cell is None else cell for cell in (*cells, *last)])
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Beside, and renamed: workers that write at once leave the whole file of one of them."""
    with errors.plain_os_errors(path.parent):
        paths.write_text(path, text)


def printed(made: Sequence[Group], objective: Objective | None) -> list[str]:
    """The settings as lines for a terminal."""
    width = max((len(g.label) for g in made), default=0)
    lines = [f'{"setting":<{width}}  {objective or "done"}  (seeds)  p against the first']
    for g in made:
        done = sum(row.state == 'done' for row in g.rows)
        value = str(g.interval) if g.interval else '-' if objective else ''
        p = f'{g.p:.3g}' if g.p is not None else ''
        lines.append(f'{g.label:<{width}}  {value}  ({done} of {len(g.rows)})  {p}'.rstrip())
    return lines


def counts(found: Sequence[Row]) -> Mapping[str, int]:
    """State -> how many runs, states that occur."""
    states = [row.state for row in found]
    return {state: states.count(state) for state in (*STATES.values(), 'left') if state in states}
