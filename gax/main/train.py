"""Train a GAN: gax-train --config=mnist --workdir=runs/mnist

--config is a file, or the name of a config that comes with gax. RUN/config.json is a config, too.
Any field of it can be set on the command line, e.g. --config.d.optimizer.learning_rate=1e-4; --help
--config=FILE lists them, and --dry_run instead of --workdir shows what would be trained. The same command on
the same workdir resumes the run. Exit status: 0 when all steps are done; 2 for an error, reported in one
line; 143 or 130 when SIGTERM or Ctrl-C ended it, with everything saved.

One run in several processes (on as many hosts): the same command in each, with --coordinator=HOST:PORT
--num_processes=N --process_id=0 .. N - 1, or with --distributed=auto. Process 0 reads and writes the workdir.
If one of them dies, the others end with status 75; the same commands resume from the last checkpoint.
"""

from absl import flags

from gax import cli
from gax.config import arguments

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    arguments.define_config()
    flags.DEFINE_string('workdir', None, 'Folder for checkpoints, metrics and pictures.')
    arguments.define_mode(
        'dry_run',
        'json',
        'Train nothing: print all fields, the networks, operations, time and memory; =json for programs.',
    )
    flags.DEFINE_bool(
        'profile', False, 'Train nothing: write WORKDIR/profile, a trace and a table of where the time goes.'
    )
    flags.DEFINE_bool(
        'accept_changes',
        False,
        'Accept other data, or other features to evaluate with, than the run began with.',
    )
    flags.DEFINE_string('coordinator', '', 'For several processes: HOST:PORT at which process 0 listens.')
    flags.DEFINE_integer('num_processes', None, 'How many processes there are.')
    flags.DEFINE_integer('process_id', None, 'Which of the processes this is, from 0.')
    flags.DEFINE_string(
        'distributed', '', 'auto: detects these three, under SLURM, Open MPI, Kubernetes, on TPU pods.'
    )
    flags.DEFINE_integer('join_timeout', 300, 'Seconds to wait for the other processes.')


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import paths
    from gax.distributed import multihost
    from gax.training import dry_run, profiler, train

    if FLAGS.dry_run:
        print(dry_run.of(FLAGS.config, as_json=FLAGS.dry_run == 'json'))
        return 0
    workdir, config = paths.user(arguments.require('workdir', FLAGS)), FLAGS.config
    request = multihost.Asked(
        coordinator=FLAGS.coordinator,
        num_processes=FLAGS.num_processes,
        process_id=FLAGS.process_id,
        distributed=FLAGS.distributed,
        seconds=FLAGS.join_timeout,
    )
    if FLAGS.profile:
        multihost.refuse(request, '--profile')
        print(f'gax: of each training step, in {workdir / "profile"}:\n{profiler.take(config, workdir)}')
        return 0
    with multihost.joined(request) as team:
        done, stopped_by = train.train(config, workdir, team, FLAGS.accept_changes)
    return cli.report(workdir, done, config.steps, stopped_by, quiet=not team.first)


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
