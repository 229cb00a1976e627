"""Translate images with a trained run: gax-translate --workdir=RUN --input=photos --out=translated

For every run whose game makes images from images: pix2pix, CycleGAN, CUT, super-resolution, inpainting.
Images of any size; each result is a PNG with the image's name.

A side larger than the images that the run was trained on is cut into tiles of that size, which overlap by a
quarter and are blended; --tile sets a larger size, which costs memory, and gives networks with instance norm
and wide fields more to see (at another size than in training, they may do better or worse). A smaller side is
mirrored up to the training size. Transparent pixels are composed over white, and the result has the opacity
of the image. Gray and colour become what the run takes.

    gax-translate --workdir=RUN --input=photo.jpg --out=larger.png --scale=2    # of a x4 run: twice the size
    gax-translate --workdir=RUN --input=drawings --out=coloured --samples=4        # NAME_0.png ... NAME_3.png
    gax-translate --workdir=RUN --input=photos --mask=masks --out=filled           # white marks the hole
    gax-translate --workdir=RUN --input=pictures --out=back --direction=ba    # CycleGAN's other generator
    gax-translate --workdir=RUN --input=photos --out=between --interpolate=2000 --alpha=0.5
"""

from absl import flags

from gax import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_string('workdir', None, 'Folder of the run.', required=True)
    flags.DEFINE_string('input', None, 'An image, or a folder of images at any depth.', required=True)
    flags.DEFINE_string('out', None, 'A folder, or NAME.png for one result.', required=True)
    flags.DEFINE_string('step', 'newest', 'The checkpoint: newest, best, or a step.')
    flags.DEFINE_enum(
        'direction',
        '',
        ['', 'ab', 'ba'],
        'Of a run that translates both ways; if not given, to the target of its data.',
    )
    flags.DEFINE_float(
        'scale', 0.0, "Size of the result, as a multiple of the image's; 0: as the run makes it."
    )
    flags.DEFINE_string('mask', '', 'A mask for all, or a folder of masks with the names of the images.')
    flags.DEFINE_enum('hole', '', ['', 'white', 'black'], 'Which colour of the mask is the hole.')
    flags.DEFINE_integer('samples', 1, 'Results for each image, each with other latents.')
    flags.DEFINE_integer('seed', 0, 'Seed of the latents.')
    flags.DEFINE_integer('tile', 0, 'Largest side that is translated at once; 0: as large as in training.')
    flags.DEFINE_integer('overlap', -1, 'Pixels that tiles overlap by; -1: a quarter of a tile.')
    flags.DEFINE_string(
        'interpolate', '', "Mix this checkpoint's weights in: a step of the run, another run, RUN:STEP."
    )
    flags.DEFINE_float('alpha', 0.5, 'Share of the weights of --interpolate, from 0 to 1.')


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import paths
    from gax.sampling import translate, translator

    request = translator.Request(
        workdir=paths.user(FLAGS.workdir),
        input=paths.user(FLAGS.input),
        out=paths.user(FLAGS.out),
        step=FLAGS.step,
        direction=FLAGS.direction,
        scale=FLAGS.scale,
        mask=paths.user(FLAGS.mask) if FLAGS.mask else None,
        hole=FLAGS.hole,
        samples=FLAGS.samples,
        seed=FLAGS.seed,
        tile=FLAGS.tile,
        overlap=FLAGS.overlap,
        interpolate=FLAGS.interpolate,
        alpha=FLAGS.alpha,
    )
    count, step = translate.translate(request)
    print(f'gax: {count} image{"s" * (count > 1)} by step {step} in {FLAGS.out}')
    return 0


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
