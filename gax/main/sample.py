"""Sample a trained generator: gax-sample --workdir=runs/mnist --num=64 --out=grid.png

The ending of --out says what is made. Of samples drawn at random:
  --out=grid.png      a grid; each column is a class, where there are classes. Of a game that makes
                      images from images rows: input, output, target
  --out=samples.npz   `images` uint8 [N, H, W, C] and `labels` int32 [N] (of 2-D data:
                      `points` float32 [N, D])
  --out=rows.csv      a table: the columns, types and rounding of the file that was trained on (also series)
  --out=samples/      a folder of PNGs, in subfolders by class (--noclass_folders: all in one)
Other pictures, one at a time; as .png, .gif, .mp4 (pip install 'gax[video]') or .npz:
  --traverse=z:3 --span=2    one number varied along each row, the rest held; InfoGAN's code:0
  --traverse=label           the same latents with every class, one row each; InfoGAN's category
  --interpolate=4            each row on great circles through 4 latents; a film returns to the first
  --neighbours=5 --num=1000  are they copies? the most suspicious samples (.png) next to the nearest
                             training images, and .json: how many are nearer to one than its own nearest
                             neighbour is
  --project=1000             reals and samples as points in the plane, by PCA and by t-SNE (.png; of
                             series: t-SNE needs pip install 'gax[tables]')
Series are written as --out=series.csv, in the units of the data. --length=8312 makes them as long as that,
where the networks can (recurrent and temporal convolutional ones).
  --where=income=1           rows of a table with this value; those without it are rejected and counted
Of a generator with a mapping and a synthesis network (StyleGAN ...):
  --mix=0-3                  a grid; layers 0 to 3 have the styles of the columns, the others of the rows
  --psi=0,0.5,0.7,1          the same latents truncated in w, a row for each psi; one value goes with all
  --interpolate=4 --space=w  straight lines between styles instead
--seeds=0-35 names samples, one for each seed; with --mix the rows and then the columns.
--truncation=0.7 works with all: latents beyond 0.7 are drawn again. Less variety; better samples of some
GANs.
"""

from absl import flags

from gax import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_string('workdir', None, 'Folder of the run.', required=True)
    flags.DEFINE_string('out', 'samples.png', 'What to write; see above.')
    flags.DEFINE_integer('num', 64, 'How many samples; pictures of rows round it down to whole rows.')
    flags.DEFINE_integer('seed', 0, 'Seed of the latents.')
    flags.DEFINE_string('step', 'newest', 'The checkpoint: newest, best, or a step.')
    flags.DEFINE_integer('label', None, 'Class of every sample; all classes in turn if not given.')
    flags.DEFINE_float('truncation', 0.0, 'Largest value of a latent; 0: no truncation.')
    flags.DEFINE_integer(
        'standing',
        None,
        'Standing statistics: batches of samples whose statistics take the place of the running averages of '
        'batch-norm. 0: none; as config.eval.standing says if not given.',
    )
    flags.DEFINE_string('traverse', '', 'A latent to vary: FIELD:DIMENSION or FIELD.')
    flags.DEFINE_float('span', 2.0, '--traverse varies a real number from -SPAN to SPAN.')
    flags.DEFINE_integer('interpolate', 0, 'How many latents each row passes through.')
    flags.DEFINE_integer('frames', 24, 'Frames of a film, from one latent to the next or along --traverse.')
    flags.DEFINE_integer('neighbours', 0, 'How many training images to show next to a sample.')
    flags.DEFINE_string('features', 'raw', 'What --neighbours compares: raw pixels, mnist, inception ...')
    flags.DEFINE_string(
        'data', '', 'Where the training data is, if it has moved; for --neighbours and points.'
    )
    flags.DEFINE_enum(
        'split',
        '',
        ['', 'train', 'validation', 'test'],
        'Take conditions from this split; held-out ones if not given.',
    )
    flags.DEFINE_string(
        'conditions', '', "Of a game with conditions: a data source of one's own, folder:DIR ..."
    )
    flags.DEFINE_enum(
        'direction',
        '',
        ['', 'ab', 'ba'],
        'Of a run that translates both ways; if not given, to the target of its data.',
    )
    flags.DEFINE_integer('length', 0, 'Steps of a series; as many as in training if not given.')
    flags.DEFINE_integer('project', 0, 'How many reals and samples to show as points in the plane.')
    flags.DEFINE_multi_string(
        'where', [], 'Of a table: rows with this value of a category, income=1; may be given several times.'
    )
    flags.DEFINE_string('seeds', '', 'A sample for each of these seeds, such as 0-35 or 3,7,20-25.')
    flags.DEFINE_string('mix', '', 'Layers whose styles come from the columns, such as 0-3.')
    flags.DEFINE_list('psi', [], 'Truncation in w; several values for a row each.')
    flags.DEFINE_enum('space', 'z', ['z', 'w'], 'Where --interpolate draws its lines.')
    flags.DEFINE_bool('class_folders', True, 'A folder of PNGs has a subfolder for each class.')


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import paths
    from gax.sampling import export, sampler, styled

    request = sampler.Request(
        workdir=paths.user(FLAGS.workdir),
        out=FLAGS.out,
        num=FLAGS.num,
        seed=FLAGS.seed,
        step=FLAGS.step,
        label=FLAGS.label,
        truncation=FLAGS.truncation,
        standing=FLAGS.standing,
        traverse=FLAGS.traverse,
        span=FLAGS.span,
        interpolate=FLAGS.interpolate,
        frames=FLAGS.frames,
        neighbours=FLAGS.neighbours,
        features=FLAGS.features,
        length=FLAGS.length,
        project=FLAGS.project,
        class_folders=FLAGS.class_folders,
        data=FLAGS.data,
        split=FLAGS.split,
        conditions=FLAGS.conditions,
        direction=FLAGS.direction,
        where=tuple(FLAGS.where),
        seeds=styled.numbers('seeds', FLAGS.seeds),
        mix=FLAGS.mix,
        psi=styled.psis(FLAGS.psi),
        space=FLAGS.space,
    )
    exported = export.export(request)
    print(f'gax: {exported.description} of step {exported.step} in {FLAGS.out}')
    return 0


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
