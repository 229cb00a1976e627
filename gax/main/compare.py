"""Compare two settings: gax-compare --a='runs/lr/runs/*0.0003*' --b='runs/lr/runs/*0.001*' --objective=fid

--a and --b are patterns of workdirs, by gax-train or of a sweep: the runs of a setting, which differ only in
the seed. Prints the mean and 95 % confidence interval of each and of the difference, and the p of the paired
t test and of the exact sign test, over the seeds that both have; the others are named.
"""

import glob
from pathlib import Path

from absl import flags

from gax import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_string('a', None, 'Pattern of the workdirs of one setting.', required=True)
    flags.DEFINE_string('b', None, 'Pattern of the workdirs of the other.', required=True)
    flags.DEFINE_string(
        'objective', None, 'A metric: frechet_mnist, d/diversity:mean (last, min, max, mean).', required=True
    )


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax.sweep import comparison

    print(comparison.compare(folders(FLAGS.a), folders(FLAGS.b), FLAGS.objective))
    return 0


def folders(pattern: str) -> list[Path]:
    """The folder of that name (which may have brackets), or else the folders that match the pattern."""
    from gax import paths

    path = paths.user(pattern)
    return [path] if path.is_dir() else [Path(name) for name in sorted(glob.glob(str(path)))]


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
