"""Gets a set of images ready for training: gax-prepare --data=tfds:cifar10

Downloads a set of TensorFlow Datasets and writes it as ArrayRecord files, which training reads without
TensorFlow. It is a separate command because most sets need TensorFlow to be prepared; it uses the CPU only.
A set that is prepared already stays as it is.

Images that gax can read already (embedded:NAME, npz:PATH, folder:PATH) are written as such a set into --dir,
with --folder=PATH as a folder of PNGs, with a subfolder per class, or with --zip=FILE.zip as a zip file of
PNGs with a dataset.json, as StyleGAN's tools read it; TensorFlow is not needed.
"""

from absl import flags

from gax import cli
from gax.data import layouts

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_string(
        'data', None, 'tfds:NAME[/config], or a source as in config.data.name.', required=True
    )
    flags.DEFINE_string('dir', '', 'Folder for prepared sets; by default that of TFDS.')
    flags.DEFINE_enum('layout', '', ['', *layouts.LAYOUTS], 'Of an .npz: as config.data.layout.')
    flags.DEFINE_enum('range', '', ['', *layouts.RANGES], 'Of an .npz: as config.data.range.')
    flags.DEFINE_string('folder', '', 'Write a folder of PNGs here, in place of a prepared set.')
    flags.DEFINE_string('zip', '', 'Write a zip file of PNGs here, in place of a prepared set.')


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import errors, paths
    from gax.data import tfds, tfds_prepare, write

    section = {'layout': FLAGS.layout, 'range': FLAGS.range}
    of_tfds = FLAGS.data.startswith('tfds:')
    written = [name for name in ('folder', 'zip') if FLAGS[name].value]
    if of_tfds and written:
        raise errors.GaxError(
            f'--{written[0]} is for images that are there already; leave it out with tfds:NAME'
        )
    if len(written) > 1:
        raise errors.GaxError('--folder and --zip are two ways to write the images: choose one')
    if of_tfds:
        print(tfds_prepare.prepare(FLAGS.data, FLAGS.dir))
    elif FLAGS.zip:
        print(write.zip_file(FLAGS.data, paths.user(FLAGS.zip), **section))
    elif FLAGS.folder:
        print(write.folder(FLAGS.data, paths.user(FLAGS.folder), **section))
    else:
        print(write.tfds_set(FLAGS.data, tfds.where(FLAGS.dir), **section))
    return 0


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
