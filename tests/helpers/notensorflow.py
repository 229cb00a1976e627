"""A process without TensorFlow: python notensorflow.py FOLDER WORKDIR trains a step on the set in FOLDER,
twice.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path


class Refusing(MetaPathFinder):
    """As if TensorFlow were not installed; asked: what was to be imported.

    To ask whether it is there imports nothing.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        if name.partition('.')[0] in ('tensorflow', 'tf_keras', 'keras') and not only_looked_for():
            self.asked.append(name)
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)


def only_looked_for() -> bool:
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code is not importlib.util.find_spec.__code__:
        frame = frame.f_back
    return frame.f_code is importlib.util.find_spec.__code__


def main(folder: str, workdir: str) -> None:
    refusing = Refusing()
    sys.meta_path.insert(0, refusing)
    from gax.training import train
    from tests.helpers import tinyruns

    data = {'data.name': 'tfds:emoji_tiles', 'data.dir': folder}
    for limit in (0, 1024):
        made = tinyruns.config(steps=1, log_every=1, **data, **{'data.device_limit_mib': limit})
        with tinyruns.compiled_once():
            train.train(made, Path(workdir) / str(limit))
        assert tinyruns.metrics(Path(workdir) / str(limit))[-1]['step'] == 1
    print(f'trained on tfds:emoji_tiles twice; asked for tensorflow: {refusing.asked}')


if __name__ == '__main__':
    main(*sys.argv[1:])
