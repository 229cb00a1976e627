"""The runs that a file lists, trained in one process: together where they can be, else one after another.

The file is JSON, [{"workdir": "runs/a", "setting": {"seed": 1, "g.optimizer.learning_rate": 1e-3}}, ...]:
folders, and the fields in which each run differs from the base config. How each has ended is appended to
endings.jsonl beside it at once.
"""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Mapping
from pathlib import Path

from ml_collections import ConfigDict

from gax import errors, paths
from gax.sweep import plan
from gax.sweep.vmapped import grouping, runner
from gax.sweep.vmapped.runner import Ending, Tell
from gax.training import train as training

log = logging.getLogger('gax')
ENDINGS = 'endings.jsonl'


def train(base: ConfigDict, file: Path) -> int:
    """Trains all; returns the exit status: 0, 1 where some failed, or 128 + the number of the signal that
    came.
    """
    given = read(base, file)
    workdirs, configs = list(given), list(given.values())
    kinds: list[str] = []

    def tell(workdir: Path, ending: Ending) -> None:
        kinds.append(ending.kind)
        with errors.plain_os_errors(file), open(file.with_name(ENDINGS), 'a', encoding='utf-8') as out:
            out.write(json.dumps({'workdir': str(workdir), **ending._asdict()}) + '\n')

    groups, reasons = grouping.groups(configs)
    for reason in reasons:
        log.info('%s', reason)
    for group in groups:
        some = {workdirs[i]: configs[i] for i in group.members}
        work = runner.train if len(some) > 1 and not group.alone else one_after_another
        if stopped_by := work(group, some, tell):
            return 128 + signal.Signals[stopped_by].value
    return 1 if 'failed' in kinds else 0


def one_after_another(group: grouping.Group, given: Mapping[Path, ConfigDict], tell: Tell) -> str:
    """As runner.train, for runs that cannot be trained so."""
    for workdir, config in given.items():
        try:
            _, stopped_by = training.train(config, workdir)
        except errors.GaxError as error:
            log.warning('%s: %s', workdir.name, error)
            tell(workdir, Ending('failed', str(error)))
            continue
        tell(workdir, Ending('stopped' if stopped_by else 'done'))
        if stopped_by:
            return stopped_by
    return ''


def read(base: ConfigDict, file: Path) -> dict[Path, ConfigDict]:
    """Workdir -> config.

    Raises GaxError for a file that is none, and for a run that the base config has not got.
    """
    try:
        listed = {
            paths.user(run['workdir']): dict(run['setting'])
            for run in json.loads(file.read_text(encoding='utf-8'))
        }
    except OSError as error:
        raise errors.GaxError(f'cannot read {file}: {error.strerror}') from error
    except (ValueError, TypeError, KeyError) as error:
        raise errors.GaxError(
            f'{file} must be [{{"workdir": ..., "setting": {{field: value}}}}, ...]: {errors.first_line(error)}'
        ) from error
    if not listed:
        raise errors.GaxError(f'{file} lists no run')
    for workdir, setting in listed.items():
        plan.check(base, setting, str(workdir))
    return {workdir: plan.changed(base, setting) for workdir, setting in listed.items()}
