"""Find the latents of images in a trained run: gax-project --workdir=RUN --out=projected.png

Each image has several restarts from random latents, which are optimised together by Adam until their fakes
are near to the image: in pixels, and in features. For every run whose generator makes images from latents
(and labels): DCGAN, SNGAN, R3GAN, ProGAN, StyleGAN ... The picture has a row for each image: itself, then
its results, the nearest first, with their PSNR.

The images are those of --input, cropped and resized to the run's; or, if it is left out, examples of the
run's own data, of the test split where the run was trained on another one. Beside images of a split that was
held out, as many that the run was trained on are projected: a generator that reaches these alone has learnt
the set by heart.

    gax-project --workdir=RUN --input=photo.png --out=projected.png --video=projected.gif
    gax-project --workdir=RUN --input=photos --restarts=16 --steps=1000 --distance=lpips_vgg --out=projected.png
    gax-project --workdir=RUN --split=test --num=16    # the error on the test split, and on the training split
    gax-project --workdir=RUN --latents=projected.npz --out=projected.png    # and arrays of what was written

--distance, beside pixels: lpips_vgg or lpips_alex (LPIPS; pip install 'gax[lpips]'), vgg or alex (the mean
absolute difference of the last layer), d (features of the run's own discriminator), pixels (nothing else); if
it is left out, lpips_vgg where it is installed, else d.

A generator that is conditioned on labels takes the label of the image, or --label. Where neither is known,
each class has a restart; where --restarts is below the number of classes, those whose fakes are nearest.
"""

from absl import flags

from gax import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_string('workdir', None, 'Folder of the run.', required=True)
    flags.DEFINE_string('out', 'projected.png', 'The picture: each image beside its results.')
    flags.DEFINE_string('input', '', 'An image, or a folder of images at any depth.')
    flags.DEFINE_integer('num', 8, 'At most how many images.')
    flags.DEFINE_integer(
        'restarts',
        0,
        'First guesses for each image; if not given 8, or one for each of at most 32 classes where the class '
        'is not known.',
    )
    flags.DEFINE_integer('steps', 500, 'Steps of the optimisation.')
    flags.DEFINE_string('space', '', 'z, or w where the generator has a mapping network; that if not given.')
    flags.DEFINE_string('distance', '', 'lpips_vgg, lpips_alex, vgg, alex, d or pixels; see above.')
    flags.DEFINE_float('pixel_weight', 1.0, 'Weight of the mean squared difference of pixels in [-1, 1].')
    flags.DEFINE_float('feature_weight', 1.0, 'Weight of --distance.')
    flags.DEFINE_float('rate', 0.1, 'Largest step of a latent, in its standard deviations.')
    flags.DEFINE_integer('seed', 0, 'Seed of the first guesses.')
    flags.DEFINE_integer('label', None, 'Class of every image.')
    flags.DEFINE_string('step', 'newest', 'The checkpoint: newest, best, or a step.')
    flags.DEFINE_string('data', '', 'Where the training data is, if it has moved.')
    flags.DEFINE_enum(
        'split',
        '',
        ['', 'train', 'validation', 'test'],
        'Take images from this split, and beside held-out ones training ones; held-out ones if not given.',
    )
    flags.DEFINE_string('latents', '', 'Write latents, images and distances to this .npz, too.')
    flags.DEFINE_string('video', '', 'Write a film of the optimisation, too: .gif or .mp4.')
    flags.DEFINE_integer('frames', 48, 'Frames of the film.')


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import paths
    from gax.sampling import projected, projector

    request = projector.Request(
        workdir=paths.user(FLAGS.workdir),
        out=paths.user(FLAGS.out),
        input=paths.user(FLAGS.input) if FLAGS.input else None,
        num=FLAGS.num,
        restarts=FLAGS.restarts,
        steps=FLAGS.steps,
        space=FLAGS.space,
        distance=FLAGS.distance,
        pixel_weight=FLAGS.pixel_weight,
        feature_weight=FLAGS.feature_weight,
        rate=FLAGS.rate,
        seed=FLAGS.seed,
        label=FLAGS.label,
        step=FLAGS.step,
        data=FLAGS.data,
        split=FLAGS.split,
        latents=paths.user(FLAGS.latents) if FLAGS.latents else None,
        video=paths.user(FLAGS.video) if FLAGS.video else None,
        frames=FLAGS.frames,
    )
    done = projector.run(request)
    print(f'gax: {projected.described(done)}; in {FLAGS.out}')
    if labels := projected.classes_of(done):
        print(f'classes of the nearest: {labels}')
    return 0


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
