"""Gets a set of images ready for training: python experiments/prepare.py --data=tfds:cifar10

Downloads a set of TensorFlow Datasets and writes it as ArrayRecord files, which training reads without TensorFlow. That most sets
need TensorFlow to be prepared is why this is a command of its own; it keeps to the CPU. What is prepared already is left as it is.

Images that gax can read already (embedded:NAME, npz:PATH, folder:PATH) are written as such a set into --dir, or with
--folder=PATH as a folder of PNGs, a subfolder a class; TensorFlow is not needed.
"""

from absl import flags

from gax import cli

DATA = flags.DEFINE_string(
    'data', None, 'tfds:NAME[/config], or a source as in config.data.name.', required=True
)
DIR = flags.DEFINE_string('dir', '', 'Folder for prepared sets; by default where TFDS keeps them.')
FOLDER = flags.DEFINE_string('folder', '', 'Write a folder of PNGs, this one, in place of a prepared set.')


def main(argv: list[str]) -> int:
    from gax import errors, paths, written
    from gax.data import prepare, tfds

    here = DATA.value.startswith('tfds:')
    if here and FOLDER.value:
        raise errors.GaxError('--folder is for images that are there already; leave it out with tfds:NAME')
    if here:
        print(prepare.prepare(DATA.value, DIR.value))
    elif FOLDER.value:
        print(written.folder(DATA.value, paths.user(FOLDER.value)))
    else:
        print(written.tfds_set(DATA.value, tfds.where(DIR.value)))
    return 0


if __name__ == '__main__':
    cli.run(main)
