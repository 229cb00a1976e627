"""Converts the weights of the FID Inception: gax-convert-inception --weights=FILE.pth --out=FILE.npz

From pytorch-fid's .pth (PyTorch is not needed), an .npz or a .safetensors to an .npz or a .safetensors of the
same names and shapes. gax reads all of them, and gives them one checksum: converting is for users who do not
want to keep a pickle. The new file records the file that it was made from, so that a FID measured with it is
still called FID.
"""

from absl import flags

from gax import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_string(
        'weights', '', 'The file to read; if not given, the file that an evaluation would use.'
    )
    flags.DEFINE_string(
        'out', '~/.cache/gax/inception-2015-12-05.npz', 'The file to write, .npz or .safetensors.'
    )


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import paths
    from gax.evals.features import inception_weights

    path, out = inception_weights.find(FLAGS.weights), paths.user(FLAGS.out)
    arrays, source = inception_weights.read(path)
    inception_weights.write(arrays, source, out)
    tensors, checksum = inception_weights.read(out)
    origin = (
        'the published FID Inception' if checksum == inception_weights.SHA256 else 'not the published file'
    )
    print(f'gax: {path} (SHA-256 of the source {source}, {origin}): {len(tensors)} tensors written to {out}')
    print(f'gax: checksum of the weights, in whichever format: {inception_weights.digest(tensors)}')
    return 0


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
