"""Gets a set of images ready for training: python experiments/prepare.py --data=tfds:cifar10

Downloads a set of TensorFlow Datasets and writes it as ArrayRecord files, which training reads without
TensorFlow. That most sets need TensorFlow to be prepared is why this is a command of its own; it keeps to the
CPU. What is prepared already is left as it is.

Images that gax can read already (embedded:NAME, npz:PATH, folder:PATH) are written as such a set into --dir,
or with --folder=PATH as a folder of PNGs, a subfolder a class; TensorFlow is not needed.
"""

from absl import flags

from gax import cli
from gax.data import layouts

DATA = flags.DEFINE_string(
    'data', None, 'tfds:NAME[/config], or a source as in config.data.name.', required=True
)
DIR = flags.DEFINE_string('dir', '', 'Folder for prepared sets; by default where TFDS keeps them.')
LAYOUT = flags.DEFINE_enum('layout', '', ['', *layouts.LAYOUTS], 'Of an .npz: as config.data.layout.')
RANGE = flags.DEFINE_enum('range', '', ['', *layouts.RANGES], 'Of an .npz: as config.data.range.')
FOLDER = flags.DEFINE_string('folder', '', 'Write a folder of PNGs, this one, in place of a prepared set.')


def main(argv: list[str]) -> int:
    from gax import errors, paths
    from gax.data import tfds, tfds_prepare, write

    here, section = DATA.value.startswith('tfds:'), {'layout': LAYOUT.value, 'range': RANGE.value}
    if here and FOLDER.value:
        raise errors.GaxError('--folder is for images that are there already; leave it out with tfds:NAME')
    if here:
        print(tfds_prepare.prepare(DATA.value, DIR.value))
    elif FOLDER.value:
        print(write.folder(DATA.value, paths.user(FOLDER.value), **section))
    else:
        print(write.tfds_set(DATA.value, tfds.where(DIR.value), **section))
    return 0


if __name__ == '__main__':
    cli.run(main)
