"""Evaluate a run, or anybody's samples: python experiments/evaluate.py --workdir=runs/mnist
--metrics=frechet,prdc

Prints a table, with what real data would score in the fakes' place, and appends a line a step to
WORKDIR/eval.jsonl, with the protocol that it was measured by. Fakes are held against all reals, unless
--reals says otherwise; metrics that hold examples (all but Frechet distances) take as many reals as fakes.
Which examples are taken does not depend on their order in a file. Metrics: fid, kid, is (on the Inception of
FID only, and with its published weights: with others they are called frechet_inception ...); on any features
frechet, kernel, score, prdc, nearest, accuracy; on images alone swd, ms_ssim; modes of what has some. If none
are given, those that suit the data. --features: inception, mnist, emoji, raw, or package.module:function (also of the current folder). Where no Inception weights are, features that
are at hand take their place: that is said, and how to get a FID.

    python experiments/evaluate.py --workdir=runs/mnist --step=all --num=5000
    python experiments/evaluate.py --workdir=runs/a --against=runs/b       # refused where the protocols
    differ python experiments/evaluate.py --samples=made.npz --data=embedded:mnist  # or a folder of images
"""

from absl import flags

from gax import cli

WORKDIR = flags.DEFINE_string('workdir', '', 'Folder of the run.')
SAMPLES = flags.DEFINE_string('samples', '', 'Images to evaluate in place of a run: a folder, or an .npz.')
DATA = flags.DEFINE_string(
    'data', '', 'What --samples are held against, or where the data of --workdir lies now, if it has moved.'
)
METRICS = flags.DEFINE_list('metrics', [], 'Metrics, with commas between.')
FEATURES = flags.DEFINE_string('features', '', 'Feature extractor.')
RESIZER = flags.DEFINE_string('resizer', '', "tf1 or clean, for the extractor's own if not given.")
WEIGHTS = flags.DEFINE_string('weights', '', 'File of the Inception weights.')
NUM = flags.DEFINE_integer(
    'num', 0, 'How many fakes; 0: as many as there are reals, 1,000 to 50,000, and of --samples all.'
)
REALS = flags.DEFINE_integer('reals', 0, 'At most how many reals they are held against; 0: all.')
STEP = flags.DEFINE_string('step', 'newest', 'newest, best, all, or a step.')
SPLIT = flags.DEFINE_enum(
    'split', '', ['', 'train', 'validation', 'test'], 'Reals of this split; those trained on if not given.'
)
SEED = flags.DEFINE_integer('seed', 0, 'Seed of the latents.')
AGAINST = flags.DEFINE_string('against', '', 'Another workdir, whose result to compare with.')
CACHE = flags.DEFINE_string('cache', '', "Folder of the data's statistics; in the user's cache if not given.")


def main(argv: list[str]) -> int:
    from gax import errors, paths
    from gax.evals.evaluator import Setting
    from gax.training import evaluate
    from gax.training.workdir import read_config

    workdir = paths.user(WORKDIR.value) if WORKDIR.value else None
    against = paths.user(AGAINST.value) if AGAINST.value else None
    errors.in_range('--seed', SEED.value, *errors.SEEDS)
    if not SAMPLES.value and workdir is None:
        raise errors.GaxError('give --workdir=RUN, or --samples=DIR or FILE.npz with --data=SOURCE')
    chosen = tuple(METRICS.value), FEATURES.value, NUM.value, SEED.value, RESIZER.value, WEIGHTS.value
    setting = Setting(*chosen, paths.user(CACHE.value) if CACHE.value else None, REALS.value)
    if SAMPLES.value:
        section = evaluate.data_of(DATA.value, read_config(workdir / 'config.json') if workdir else None)
        if SPLIT.value:
            with section.unlocked():
                section.split = SPLIT.value
        done = evaluate.of_samples(paths.user(SAMPLES.value), section, setting, workdir, against)
    else:
        assert workdir is not None
        done = evaluate.of_run(workdir, STEP.value, setting, against, DATA.value, SPLIT.value)
    print(evaluate.table(*done[:3]))
    if workdir and done.kept:
        print(f'gax: appended to {workdir / "eval.jsonl"}')
    return 0


if __name__ == '__main__':
    cli.run(main)
