"""The runs of a sweep as rows, the settings over their seeds, and sweep.csv."""

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
    """One run.

    Attributes:
      trial: The number of its trial.
      setting: Its setting.
      seed: Its seed.
      state: One of STATES' values, or 'left' for a run that a failed trial skipped.
      metrics: What it has measured, see objective.measure.
      step: Its last saved step.
      seconds: Its training time.
      folder: Its folder in the sweep's; '' before it is known.
      host: The machine.
      error: Why it failed, or ''.
      data: Its data.json; {} before it is known.
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
        """The objective, if the run is done and the value is finite; else None."""
        value = objectives.value(objective, self.metrics) if objective and self.state == 'done' else None
        return value if value is not None and math.isfinite(value) else None


class Group(NamedTuple):
    """A setting over its seeds.

    Attributes:
      setting: The setting.
      rows: Its runs.
      values: Seed -> objective.
      interval: The mean with its confidence interval, or None without values.
      p: The p-value of the comparison with the best setting, or None.
    """

    setting: Setting
    rows: list[Row]
    values: dict[int, float]
    interval: stats.Interval | None
    p: float | None = None

    @property
    def label(self) -> str:
        """The setting in words."""
        return space.label(self.setting)


def rows(trials: Sequence[Any], workdir: Path, refresh: bool = False) -> list[Row]:
    """A row for each run of the trials, by number. `refresh`: metrics are read from the folders again."""
    runs: list[Row] = []
    for t in trials:
        setting, state = t.user_attrs.get('setting', {}), STATES[t.state.name]
        for seed in t.user_attrs.get('seeds', ()):
            folder = f'runs/{space.folder(setting, seed)}' if 'setting' in t.user_attrs else ''
            outcome = t.user_attrs.get(f'run {seed}')
            if outcome is None:  # a failed trial's later seeds are not run
                runs.append(
                    Row(
                        t.number, setting, seed, 'left' if t.state.is_finished() else state, {}, folder=folder
                    )
                )
                continue
            recorded = {k: outcome[k] for k in ('metrics', 'step', 'seconds', 'folder', 'host', 'error')}
            recorded['data'] = outcome.get('data', {})
            if refresh and (workdir / folder / 'metrics.jsonl').exists():
                recorded['metrics'] = objectives.measure(workdir / folder) or recorded['metrics']
            runs.append(Row(t.number, setting, seed, outcome['state'], **recorded))
    return runs


def groups(run_rows: Sequence[Row], objective: Objective | None) -> list[Group]:
    """Settings over their seeds, the best mean first, those without values last.

    Settings with fewer finished seeds than the most are below: a mean over the seeds that went well is not
    one over all. p: of the paired t test of the first setting against each over their shared seeds, corrected
    by Holm for their number.

    Args:
      run_rows: The runs.
      objective: What they are compared by, or None.

    Raises:
      GaxError: The runs measured the objective by different protocols, or their data has changed since.
    """
    by: dict[str, list[Row]] = {}
    for row in run_rows:
        by.setdefault(json.dumps(row.setting, sort_keys=True), []).append(row)
    ranked: list[Group] = []
    for runs in by.values():
        values = {row.seed: v for row in runs if (v := row.value(objective)) is not None}
        ranked.append(
            Group(runs[0].setting, runs, values, stats.interval(list(values.values())) if values else None)
        )
    if objective:
        done = {row.folder: row.metrics for row in run_rows if row.value(objective) is not None}
        objectives.refuse_other_protocols(objective, done)
        refuse_other_data([row for row in run_rows if row.folder in done])
        sign = 1 if objective.direction == 'minimize' else -1
        ranked.sort(
            key=lambda group: (-len(group.values), sign * group.interval.mean if group.interval else 0.0)
        )
    return with_p(ranked)


def refuse_other_data(run_rows: Sequence[Row]) -> None:
    """Checks that runs with equal settings of the data were trained on equal data.

    Raises:
      GaxError: They were not; the message says what differs.
    """
    first: dict[str, Row] = {}
    for row in (row for row in run_rows if row.data):
        fields_of_data = {field: v for field, v in row.setting.items() if field.startswith('data.')}
        other = first.setdefault(json.dumps(fields_of_data, sort_keys=True), row)
        differ = identity.differences(identity.from_json(other.data), identity.from_json(row.data))
        if differ:
            raise errors.GaxError(
                f'the data has changed between {other.folder} and {row.folder} ({"; ".join(differ)}): they '
                'cannot be compared; sweep anew, in another folder'
            )


def with_p(ranked: list[Group]) -> list[Group]:
    """The groups with p-values against the first."""
    tested = [group for group in ranked[1:] if len(group.values.keys() & ranked[0].values.keys()) > 1]
    corrected = stats.holm([stats.compare(ranked[0].values, group.values).p for group in tested])
    by = {id(group): p for group, p in zip(tested, corrected, strict=True)}
    return [group._replace(p=by.get(id(group))) for group in ranked]


def completed(run_rows: Sequence[Row], base: ConfigDict) -> list[Row]:
    """Rows with a value for every field that some run sets; by default the base config's."""
    defaults = {field: fields.get(base, field) for row in run_rows for field in row.setting}
    return [row._replace(setting={**defaults, **row.setting}) for row in run_rows]


def best_run(run_rows: Sequence[Row], objective: Objective | None) -> Row | None:
    """The run with the best value, of whatever setting; None if no run has one."""
    best: Row | None = None
    for row in run_rows:
        value, other = row.value(objective), best.value(objective) if best else None
        if objective and value is not None and (other is None or objective.better(value, other)):
            best = row
    return best


def require_reported(run_rows: Sequence[Row], objective: Objective | None) -> None:
    """Raises GaxError if runs are done and none has measured the objective."""
    done = [row for row in run_rows if row.state == 'done']
    if objective and done and not any(row.value(objective) is not None for row in done):
        raise errors.GaxError(
            objectives.not_reported(objective, {name for row in done for name in row.metrics})
        )


def write_csv(run_rows: Sequence[Row], objective: Objective | None, path: Path) -> None:
    """Writes one line a run: setting, seed, state, objective, last metrics, time, folder, error."""
    swept = list(dict.fromkeys(field for row in run_rows for field in row.setting))
    names = sorted({n for row in run_rows for n in row.metrics if n != 'seconds'})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    tail = ['steps', 'seconds', 'host', 'folder', 'error']
    head = ['trial', 'state', *swept, 'seed', *([f'objective {objective}'] if objective else [])]
    writer.writerow([*head, *names, *tail])
    for row in run_rows:
        value = [row.value(objective)] if objective else []
        measured = [row.metrics.get(name, {}).get('last') for name in names]
        settings = [row.setting.get(field) for field in swept]
        cells: list[Any] = [row.trial, row.state, *settings, row.seed, *value, *measured]
        last = [row.step, round(row.seconds, 1), row.host, row.folder, row.error]
        writer.writerow(['' if cell is None else cell for cell in (*cells, *last)])
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Writes a text atomically: of workers that write at once one leaves a complete file."""
    with errors.plain_os_errors(path.parent):
        paths.write_text(path, text)


def printed(ranked: Sequence[Group], objective: Objective | None) -> list[str]:
    """The settings as lines for a terminal."""
    width = max((len(group.label) for group in ranked), default=0)
    lines = [f'{"setting":<{width}}  {objective or "done"}  (seeds)  p against the first']
    for group in ranked:
        done = sum(row.state == 'done' for row in group.rows)
        value = str(group.interval) if group.interval else '-' if objective else ''
        p = f'{group.p:.3g}' if group.p is not None else ''
        lines.append(f'{group.label:<{width}}  {value}  ({done} of {len(group.rows)})  {p}'.rstrip())
    return lines


def counts(run_rows: Sequence[Row]) -> Mapping[str, int]:
    """State -> number of runs, for states that occur."""
    states = [row.state for row in run_rows]
    return {state: states.count(state) for state in (*STATES.values(), 'left') if state in states}
