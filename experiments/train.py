"""Train a GAN: python experiments/train.py --config=configs/mnist.py --workdir=runs/mnist

Any field of the config can be set on the command line, e.g. --config.d.optimizer.learning_rate=1e-4. The same
command on the same workdir goes on where it stopped. Exit status: 0 when all steps are done; 2 for an error, told in
one line; 143 or 130 when SIGTERM or Ctrl-C ended it, with everything saved.
"""

from pathlib import Path

from absl import flags
from ml_collections import config_flags

from gax import cli

CONFIG = config_flags.DEFINE_config_file(
    'config', None, 'Config file, e.g. configs/mnist.py.', lock_config=True
)
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder for checkpoints, metrics and pictures.', required=True)
PROFILE = flags.DEFINE_bool(
    'profile', False, 'Train nothing: write WORKDIR/profile, a trace and a table of where the time goes.'
)
flags.mark_flag_as_required('config')


def main(argv: list[str]) -> int:
    from gax import profile, training

    workdir = Path(WORKDIR.value)
    if PROFILE.value:
        print(f'gax: of each training step, in {workdir / "profile"}:\n{profile.take(CONFIG.value, workdir)}')
        return 0
    done, stopped_by = training.train(CONFIG.value, workdir)
    return cli.report(workdir, done, CONFIG.value.steps, stopped_by)


if __name__ == '__main__':
    cli.run(main)
