"""OpenMoji drawings in line and in colour, and Noto emoji of the same code points; both ship with gax.

    embedded:openmoji        pairs: 'condition' is the line drawing, one channel, and 'image' the coloured one
    embedded:noto_openmoji   two domains without pairs: 'a' is Noto's, 'b' OpenMoji's

All are 32x32 on white. Licences, sources and how the pictures were chosen: gax/data/embedded/LICENSE.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gax.core.spec import Field, Spec
from gax.data import arrays, preprocess, splits
from gax.data.source import Source, read_resident
from gax.data.zipped import zip as zip_sources

FILE = Path(__file__).parent / 'embedded' / 'openmoji32.npz'
NAMES = ('openmoji', 'noto_openmoji')
DOMAIN_SPLITS = {'train': {'a': 0, 'b': 1}, 'test': {'a': 2, 'b': 2}}  # split -> field -> its `noto_part`


def stored() -> dict[str, np.ndarray]:
    """The arrays of the file.

    Returns:
      line: uint8 [N, 32, 32]. color: uint8 [N, 32, 32, 3], of the same drawings. hexcode: texts [N], the code
      points. drawing: int16 [N], equal for equal lines. differs: bool [N], whether line and colour differ.
      noto: uint8 [M, 32, 32, 3]. noto_row: int16 [M], the rows of the same code points among the N.
      noto_part: int8 [M], 0 for the half that trains 'a', 1 for the half that trains 'b', 2 for the test.
    """
    with np.load(FILE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def pairs(data: Any) -> Source:
    """The pairs of a line drawing and its colours, 2,044 of 1,894 different line drawings.

    Args:
      data: The `data` section of a config. `direction`: 'ab', from lines to colours, or 'ba'. `split`: '' for
        all, see `parts`.

    Returns:
      A source of 'image', the target, and 'condition', float32 [B, H, W, C] in [-1, 1]; C is 1 for lines and
      3 for colours, or `data.channels` for both. Without labels.
    """
    held, fit = stored(), preprocess.of(data)
    rows = np.flatnonzero(held['differs'])
    line, color = (
        arrays.fitted('embedded:openmoji', held[name][rows].reshape(len(rows), 32, 32, -1), fit)
        for name in ('line', 'color')
    )
    ab = data.get('direction', 'ab') == 'ab'
    images = {'image': color if ab else line, 'condition': line if ab else color}
    fields = {name: Field(x.shape[1:]) for name, x in images.items()}
    source = Source(Spec('embedded:openmoji', fields, size=len(rows)), images, read_resident)
    return splits.part(source, data.get('split', ''), parts(held['drawing'][rows]))


def parts(drawings: np.ndarray) -> dict[str, np.ndarray]:
    """The pairs of each split: pairs with equal lines are in the same one, see `splits.dealt`.

    The drawing that occurs most is in 'train': an empty rectangle, the outline of 69 flags of regions and
    movements. It would be a quarter of a held-out split, and its colours cannot be told from its lines.

    Args:
      drawings: int [N], equal for equal lines.

    Returns:
      Split -> int32 indices in ascending order.
    """
    dealt = splits.dealt(len(drawings), drawings)
    most = np.flatnonzero(drawings == np.bincount(drawings).argmax())
    others = {name: np.setdiff1d(rows, most) for name, rows in dealt.items()}
    return others | {'train': np.union1d(others['train'], most).astype(np.int32)}


def domains(data: Any, prepared: Callable[[Source], Source] = lambda source: source) -> Source:
    """Noto and OpenMoji as two domains.

    In training the domains share no code point and no picture: 700 code points of Noto, 700 others of
    OpenMoji. The test has 241 further code points in both, so that example i of 'a' and example i of 'b' are
    a true pair.

    Args:
      data: The `data` section of a config. `split`: 'train', which '' stands for, or 'test'.
      prepared: source -> source, applied to each domain before they are zipped.

    Returns:
      A source of 'a' and 'b', float32 [B, H, W, 3] in [-1, 1], shuffled independently; without labels.

    Raises:
      GaxError: There is no such split.
    """
    held, fit, split = stored(), preprocess.of(data), data.get('split', '') or 'train'
    splits.refuse_unknown(split, DOMAIN_SPLITS, 'embedded:noto_openmoji')
    pictures = {'a': held['noto'], 'b': held['color'][held['noto_row']]}
    parts: Mapping[str, np.ndarray] = {
        field: pictures[field][held['noto_part'] == part] for field, part in DOMAIN_SPLITS[split].items()
    }
    names = {'a': 'embedded:noto', 'b': 'embedded:openmoji'}
    sources = {field: prepared(arrays.from_arrays(names[field], x, None, fit)) for field, x in parts.items()}
    counts = {
        f'{name} {field}': int((held['noto_part'] == part).sum())
        for name, by_field in DOMAIN_SPLITS.items()
        for field, part in by_field.items()
    }
    return zip_sources(name='embedded:noto_openmoji', **sources)._replace(
        split=split, splits=counts, paired=split == 'test'
    )
