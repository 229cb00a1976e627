"""What the tests of whole runs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import tinyruns


@pytest.fixture(scope='module')
def compiled_once() -> Iterator[None]:
    """Programs are kept on disk: most runs of a module compile the same ones. Ask for it by `usefixtures`."""
    with tinyruns.compiled_once():
        yield


@pytest.fixture(scope='session')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz of images, which no test changes."""
    return tinyruns.images(tmp_path_factory.mktemp('data') / 'images.npz')
