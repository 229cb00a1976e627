"""Train a GAN: python experiments/train.py --config=configs/mnist.py --workdir=runs/mnist

Any field of the config can be set on the command line, e.g. --config.d.optimizer.learning_rate=1e-4;
--help --config=FILE lists them, and --dry_run instead of --workdir shows what would be trained.
RUN/config.json is a config, too. The same command on the same workdir goes on where it stopped. Exit status:
0 when all steps are done; 2 for an error, told in one line; 143 or 130 when SIGTERM or Ctrl-C ended it, with
everything saved.

One run in several processes (on as many hosts): the same command in each, with --coordinator=HOST:PORT
--num_processes=N --process_id=0 .. N - 1, or with --distributed=auto. Process 0 reads and writes the workdir.
Where one of them dies, the others end with status 75; the same commands go on from the last checkpoint.
"""

from absl import flags

from gax import cli
from gax.config import arguments

CONFIG = arguments.define_config()
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder for checkpoints, metrics and pictures.')
DRY_RUN = arguments.define_mode(
    'dry_run',
    'json',
    'Train nothing: print all fields, the networks, operations, time and memory; =json for programs.',
)
PROFILE = flags.DEFINE_bool(
    'profile', False, 'Train nothing: write WORKDIR/profile, a trace and a table of where the time goes.'
)
ACCEPT = flags.DEFINE_bool(
    'accept_changes',
    False,
    'Go on with other data than the run began with, or other features to judge it by.',
)
COORDINATOR = flags.DEFINE_string(
    'coordinator', '', 'Of several processes: HOST:PORT where process 0 listens.'
)
NUM_PROCESSES = flags.DEFINE_integer('num_processes', None, 'How many they are.')
PROCESS_ID = flags.DEFINE_integer('process_id', None, 'Which of them this is, from 0.')
DISTRIBUTED = flags.DEFINE_string(
    'distributed', '', 'auto: these three are found, under SLURM, Open MPI, Kubernetes, on TPU pods.'
)
JOIN_TIMEOUT = flags.DEFINE_integer('join_timeout', 300, 'Seconds to wait for the other processes.')


def main(argv: list[str]) -> int:
    from gax import paths
    from gax.distributed import multihost
    from gax.training import dry_run, profiler, train

    if DRY_RUN.value:
        print(dry_run.of(CONFIG.value, as_json=DRY_RUN.value == 'json'))
        return 0
    workdir, config = paths.user(arguments.require('workdir', flags.FLAGS)), CONFIG.value
    asked = multihost.Asked(
        *(COORDINATOR.value, NUM_PROCESSES.value, PROCESS_ID.value, DISTRIBUTED.value, JOIN_TIMEOUT.value)
    )
    if PROFILE.value:
        multihost.refuse(asked, '--profile')
        print(f'gax: of each training step, in {workdir / "profile"}:\n{profiler.take(config, workdir)}')
        return 0
    with multihost.joined(asked) as team:
        done, stopped_by = train.train(config, workdir, team, ACCEPT.value)
    return cli.report(workdir, done, config.steps, stopped_by, quiet=not team.first)


if __name__ == '__main__':
    cli.run(main)
