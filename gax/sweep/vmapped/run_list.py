"""Trains the runs that a file lists in one process, together if possible, else one after another.

The file is JSON, [{"workdir": "runs/a", "setting": {"seed": 1, "g.optimizer.learning_rate": 1e-3}}, ...]:
folders, and the fields in which each run differs from the base config. The end of each run is appended at
once to endings.jsonl in the same folder.
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
    """Trains all runs.

    Args:
      base: The base config.
      file: The file.

    Returns:
      The exit status: 0, 1 if some run failed, or 128 + the number of the signal that came.
    """
    by_workdir = read(base, file)
    workdirs, configs = list(by_workdir), list(by_workdir.values())
    kinds: list[str] = []

    def tell(workdir: Path, ending: Ending) -> None:
        kinds.append(ending.kind)
        with errors.plain_os_errors(file), open(file.with_name(ENDINGS), 'a', encoding='utf-8') as out:
            out.write(json.dumps({'workdir': str(workdir), **ending._asdict()}) + '\n')

    groups, reasons = grouping.groups(configs)
    for reason in reasons:
        log.info('%s', reason)
    for group in groups:
        members = {workdirs[i]: configs[i] for i in group.members}
        work = runner.train if len(members) > 1 and not group.alone else one_after_another
        if stopped_by := work(group, members, tell):
            return 128 + signal.Signals[stopped_by].value
    return 1 if 'failed' in kinds else 0


def one_after_another(group: grouping.Group, by_workdir: Mapping[Path, ConfigDict], tell: Tell) -> str:
    """As runner.train, for runs that cannot be trained together."""
    for workdir, config in by_workdir.items():
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
    """Reads the file: workdir -> config.

    Raises:
      GaxError: The file has another format, or a setting does not fit the base config.
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
            f'{file} must be [{{"workdir": ..., "setting": {{field: value}}}}, ...]: '
            f'{errors.first_line(error)}'
        ) from error
    if not listed:
        raise errors.GaxError(f'{file} lists no run')
    for workdir, setting in listed.items():
        plan.check(base, setting, str(workdir))
    return {workdir: plan.changed(base, setting) for workdir, setting in listed.items()}
