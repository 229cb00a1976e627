"""The flag --config of the scripts: a config file, a run's config.json, and any field by --config.PATH=VALUE, in any order.

ml_collections reads, types and sets the fields. Before it does, the sections that are named on the command line are chosen,
so that `--config.g.net.widths='(64,32)' --config.g.net.kind=sngan` sets the widths of an SNGAN.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import config_flags

from gax import choices, workdir

HELP = (
    'Config file, e.g. configs/mnist.py, or RUN/config.json. Fields: --config.batch_size=32. Naming a network, an optimizer, a '
    'schedule or a term brings its fields: --config.g.net.kind=sngan --config.terms.r1.weight=0.1; --dry_run prints them all.'
)


class Parser(config_flags.config_flags.ConfigFileFlagParser):  # type: ignore[misc]
    """Gives the config the sections that the command line names, then locks it."""

    def parse(self, path: str) -> Any:
        config = workdir.read_config(Path(path)) if path.endswith('.json') else super().parse(path)
        if hasattr(config, 'lock'):
            choices.follow(config, overrides(sys.argv))
            config.lock()
        return config


def overrides(argv: Sequence[str]) -> dict[str, str]:
    """{path: text} of the fields of the config that are set on the command line."""
    result = {}
    for i, argument in enumerate(argv):
        match = re.fullmatch(r'--?(?:no)?config\.([^=]+)(?:=(.*))?', argument, re.DOTALL)
        if match:
            following = argv[i + 1] if i + 1 < len(argv) else ''
            result[match[1]] = following if match[2] is None else match[2]
    return result


def define() -> flags.FlagHolder[Any]:
    """Defines the flag, which must be given."""
    holder = config_flags.DEFINE_config_file('config', None, HELP, lock_config=False)
    flags.FLAGS['config'].parser = Parser('config', lock_config=False)
    flags.mark_flag_as_required('config')
    return holder
