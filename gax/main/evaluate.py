"""Evaluate a run, or a set of samples: gax-evaluate --workdir=runs/mnist --metrics=frechet,prdc

Prints a table, with the score of real data in place of the fakes, and appends a line per step to
WORKDIR/eval.jsonl, with its protocol. Fakes are compared with all reals, unless --reals is set; metrics that
hold examples (all but Frechet distances) take as many reals as fakes. Which examples are taken does not
depend on their order in a file.

--metrics: fid, kid, is (on the Inception of FID only, and with its published weights: with others they are
called frechet_inception ...); on any features frechet, kernel, score, prdc, nearest, accuracy; on images
alone swd, ms_ssim; of games that make images from images, each against the target of its own example, l1,
psnr (psnr_y), ssim, histogram, hole (with a mask), cycle (two directions), lpips_alex and lpips_vgg (pip
install 'gax[lpips]'), with the inputs themselves as a baseline; modes for data that has some;
package.module:metric, a gax.evals.metric.Metric of your own. If none are given, those that suit the data.
--features: inception, mnist, emoji, raw, or package.module:function (also of the current folder). Where there
are no Inception weights, other features take their place, and a message says so, and how to get a FID.

    gax-evaluate --workdir=runs/mnist --step=all --num=5000
    gax-evaluate --workdir=runs/a --against=runs/b       # refused if the protocols differ
    gax-evaluate --samples=made.npz --data=embedded:mnist      # or a folder of images
    gax-evaluate --samples=rows.csv --workdir=runs/people --split=test    # rows of any tool, by the run's table
    gax-evaluate --workdir=runs/mnist --truncation=0.5,1,2,0   # a line for each; 0: all latents

--truncation: the largest |z| (see gax-sample), or of a generator with a mapping network psi, w drawn
towards its average: 0.5,0.7,0.85,1. The results are written to WORKDIR/truncation.json, and not to
eval.jsonl.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from gax import cli

if TYPE_CHECKING:
    from gax.evals.evaluator import Setting

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_string('workdir', '', 'Folder of the run.')
    flags.DEFINE_string(
        'samples',
        '',
        'What to evaluate in place of a run: a folder of images, an .npz, or a .csv of a table.',
    )
    flags.DEFINE_string(
        'data',
        '',
        'The data that --samples are compared with, or where the data of --workdir is now, if it has moved.',
    )
    flags.DEFINE_list('metrics', [], 'Metrics, separated by commas.')
    flags.DEFINE_string('features', '', 'Feature extractor.')
    flags.DEFINE_string('resizer', '', "tf1 or clean, for the extractor's own if not given.")
    flags.DEFINE_string('weights', '', 'File of the Inception weights.')
    flags.DEFINE_integer(
        'num', 0, 'How many fakes; 0: as many as reals, 1,000 to 50,000, or all of --samples.'
    )
    flags.DEFINE_integer('reals', 0, 'At most how many reals they are compared with; 0: all.')
    flags.DEFINE_string('step', 'newest', 'newest, best, all, or a step.')
    flags.DEFINE_enum(
        'split',
        '',
        ['', 'train', 'validation', 'test'],
        'Reals of this split; those that the run was trained on if not given.',
    )
    flags.DEFINE_enum(
        'direction',
        '',
        ['', 'ab', 'ba'],
        'Of a run that translates both ways; if not given, to the target of its data.',
    )
    flags.DEFINE_integer('seed', 0, 'Seed of the latents.')
    flags.DEFINE_integer(
        'standing',
        None,
        'Standing statistics: batches of samples whose statistics take the place of the running averages of '
        'batch-norm. 0: none; as config.eval.standing of the run says if not given.',
    )
    flags.DEFINE_string('against', '', 'Another workdir, with whose result to compare.')
    flags.DEFINE_list('truncation', [], 'Truncations, separated by commas; a line of the table for each.')
    flags.DEFINE_string(
        'truncation_space', '', 'What is truncated: z or w; if not given, w where there is one.'
    )
    flags.DEFINE_string('cache', '', "Folder of the data's statistics; in the user's cache if not given.")


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import errors, paths
    from gax.evals.evaluator import Setting
    from gax.training import evaluate, evaluate_samples, results_table
    from gax.training.workdir import read_config

    workdir = paths.user(FLAGS.workdir) if FLAGS.workdir else None
    against = paths.user(FLAGS.against) if FLAGS.against else None
    errors.in_range('--seed', FLAGS.seed, *errors.SEEDS)
    if not FLAGS.samples and workdir is None:
        raise errors.GaxError('give --workdir=RUN, or --samples=DIR, FILE.npz or FILE.csv with --data=SOURCE')
    chosen = tuple(FLAGS.metrics), FLAGS.features, FLAGS.num, FLAGS.seed, FLAGS.resizer, FLAGS.weights
    if FLAGS.standing is not None and FLAGS.standing < 0:
        raise errors.GaxError(f'--standing must be at least 0, and is {FLAGS.standing}')
    cache = paths.user(FLAGS.cache) if FLAGS.cache else None
    setting = Setting(*chosen, cache, FLAGS.reals, FLAGS.standing)
    if FLAGS.samples:
        section = evaluate_samples.data_of(
            FLAGS.data, read_config(workdir / 'config.json') if workdir else None
        )
        if FLAGS.split:
            with section.unlocked():
                section.split = FLAGS.split
        done = evaluate_samples.of_samples(paths.user(FLAGS.samples), section, setting, workdir, against)
    elif FLAGS.truncation:
        assert workdir is not None
        print(curve(workdir, setting))
        return 0
    else:
        assert workdir is not None
        where = FLAGS.data, FLAGS.split, FLAGS.direction
        done = evaluate.of_run(workdir, FLAGS.step, setting, against, *where)
    print(results_table.table(*done[:3]))
    if workdir and done.kept:
        print(f'gax: appended to {workdir / "eval.jsonl"}')
    return 0


def curve(workdir: Path, setting: Setting) -> str:
    """The table of metrics against truncation.

    Raises:
      GaxError: A truncation is no number, or another flag does not go with truncation.
    """
    from gax import errors
    from gax.sampling import truncation

    if FLAGS.against or FLAGS.direction or FLAGS.step == 'all':
        raise errors.GaxError(
            '--truncation is of one step of one run: leave --against, --direction, --step=all out'
        )
    try:
        values = [float(text) for text in FLAGS.truncation]
    except ValueError as error:
        raise errors.GaxError(
            f'--truncation={",".join(FLAGS.truncation)}: give numbers, 0.5,0.7,1'
        ) from error
    where = FLAGS.truncation_space, FLAGS.data, FLAGS.split
    return truncation.table(*truncation.curve(workdir, FLAGS.step, setting, values, *where))


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
