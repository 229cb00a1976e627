"""The fields of a config that choose and prepare the data."""

from typing import Any

from gax.data import outside, series, synthetic

COMMA = ','  # between the names of a zip


def data_section() -> dict[str, Any]:
    """The fields that every config has to choose and prepare the data. See also `data_offers`."""
    return {
        'name': 'embedded:mnist',  # or synthetic:NAME, folder:PATH, npz:PATH, ...: gax.data.names
        'image_size': 0,  # 0: as large as the images are, square or not
        'flip': False,  # left to right, half of the images, at random
        'channels': 0,  # 0: as many as the images have
        'device_limit_mib': 1024,  # smaller sets live on the device, larger ones are fetched step by step
    }


def data_offers(name: str) -> dict[str, Any]:
    """The further fields that the section may have with data of this name."""
    kinds = {part.strip().partition(':')[0] for part in name.removeprefix('zip:').split(COMMA)}
    offers: dict[str, Any] = {
        'crop': 'center',  # to a square before an image is resized; 'none' squeezes it: data.fit
        'resize': 'lanczos',  # Pillow's filter
        'image_width': 0,  # if image_size is the height alone; 0: squares
        'random_crop': 0,  # pixels of random shifts each way, at most; reflected at the edges
        'limit': 0,  # train on so many examples of the split, chosen at random; 0: all. splits.limited
        'split': '',  # train, validation or test; '': all, or train where a set keeps them apart. data.splits
        'condition': '',  # a degradation of the target, added to the batch, e.g. downsample:4. data.degrade
    }
    if 'tfds' in kinds:
        offers['dir'] = ''  # where prepared sets of TFDS are; '': ~/tensorflow_datasets, or $TFDS_DATA_DIR
    if kinds & {'folder', 'domains'}:
        offers['broken'] = 'error'  # on a damaged file in a folder; or 'skip'
    if 'npz' in kinds:
        offers['layout'] = ''  # its axes in their order, e.g. NCHW; '': as the shape shows. data.layouts
        offers['range'] = ''  # the values of black and white, 0..255, 0..1 or -1..1; '': as the values show
        offers['kind'] = ''  # of its examples: image, series, table, tokens, audio, video, point; '': image
        offers['array'] = ''  # the name of the array with the examples; '': a usual one. data.kinds
        offers['label_array'] = ''  # and of the one with the labels
    if 'table' in kinds:
        offers['columns'] = ''  # kinds that override the inferred ones, age:integer,id:drop. data.cells
        offers['target'] = ''  # the category that classifiers predict in evaluation; '': the last one
    if 'pairs' in kinds or name == 'embedded:openmoji':
        offers['direction'] = 'ab'  # from A to B, or 'ba'
    zipped = name.startswith('zip:') and not name.endswith('.zip')
    if 'domains' in kinds or zipped or name == 'embedded:noto_openmoji':
        offers['direction'] = 'ba'  # a, made from b, is evaluated and shown; or 'ab': b, made from a
    if 'series' in kinds or name == 'embedded:sp500':
        offers |= series.OFFERS
    if name == 'synthetic:sines':
        offers |= synthetic.SINES
    if kinds & {'tfds', 'folder', 'pairs', 'domains'}:
        offers['workers'] = 0  # processes that fetch; 0: threads
    if is_outside(name):
        offers |= outside.offers(name)
    return offers


def data_declared(name: str) -> dict[str, tuple[Any, ...]]:
    """The valid values of the fields of a data source outside gax; {} for gax's sources."""
    return outside.declared(name) if is_outside(name) else {}


def is_outside(name: str) -> bool:
    """Whether the name is the import path of a function outside gax."""
    return outside.is_path(name)
