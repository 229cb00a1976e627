"""Train a config many times: gax-sweep --config=mlp2d --sweep=lr,seed --workdir=runs/lr

--sweep names sweep_NAME() functions of the config file; their product is run. --seeds=N runs each setting
with N seeds. --search=tpe|random --trials=N --objective=METRIC proposes settings instead, and stops those
that do badly (--pruner). All workers that are started with the same command share the runs: on one machine
through SQLite in the workdir, on several with --storage=postgresql://USER@HOST/DATABASE. The same command
resumes the sweep, and with more --seeds or --trials adds runs. WORKDIR/sweep.html is the summary, sweep.csv
every run, runs/NAME an ordinary workdir of gax-train. --vectorize trains runs of a grid that differ only in
numbers together, in one compiled program; --dry_run says which. Each is the run that gax-train would do, up
to rounding, which grows with the steps.
Exit status: 0 when all runs are done; 1 if some failed; 2 for an error; 143 or 130 for SIGTERM or Ctrl-C,
all saved.
"""

from absl import flags
from ml_collections import config_flags

from gax import cli
from gax.config import arguments

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    arguments.define_config()
    flags.DEFINE_string('workdir', None, 'Folder of the sweep.', required=True)
    flags.DEFINE_list('sweep', [], 'Names of sweep_NAME() functions of the config file, and `seed`.')
    flags.DEFINE_integer('seeds', 0, 'Seeds per setting: config.seed and those after it.', lower_bound=0)
    flags.DEFINE_enum('search', '', ['', 'tpe', 'random'], 'Propose settings rather than run all.')
    flags.DEFINE_integer('trials', 50, 'Settings that a search tries.')
    flags.DEFINE_string(
        'objective', '', 'A metric, e.g. frechet_mnist or d/diversity:mean (last, min, max, mean).'
    )
    flags.DEFINE_enum(
        'direction', '', ['', 'minimize', 'maximize'], 'Direction of the objective, if gax does not know it.'
    )
    flags.DEFINE_enum('pruner', 'median', ['median', 'hyperband', 'none'], 'What ends bad runs of a search.')
    flags.DEFINE_string('storage', '', 'postgresql://USER@HOST/DATABASE; SQLite in the workdir if empty.')
    flags.DEFINE_bool('retry_failed', False, 'Run failed runs once more.')
    flags.DEFINE_bool(
        'vectorize', False, 'Train runs that differ only in numbers together, in one compiled program.'
    )
    flags.DEFINE_integer(
        'group', 64, 'At most this many runs are trained at once by --vectorize.', lower_bound=1
    )
    flags.DEFINE_bool('dry_run', False, 'Print the runs and exit.')


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    import jax

    from gax import paths
    from gax.sweep import command

    jax.config.update('jax_platforms', 'cpu')  # the runs need the accelerator; this process does not
    request = command.Asked(
        base=FLAGS.config,
        file=config_flags.get_config_filename(FLAGS['config']),
        workdir=paths.user(FLAGS.workdir),
        sweep=FLAGS.sweep,
        seeds=FLAGS.seeds,
        search=FLAGS.search,
        trials=FLAGS.trials,
        objective=FLAGS.objective,
        direction=FLAGS.direction,
        pruner=FLAGS.pruner,
        storage=FLAGS.storage,
        retry=FLAGS.retry_failed,
        vectorize=FLAGS.vectorize,
        group=FLAGS.group,
    )
    if FLAGS.dry_run:
        return command.dry_run(request)
    # -P: a jax.py in the current folder is not imported in place of JAX.
    train, many = (['-P', '-m', f'gax.main.{name}', *command.passed_on()] for name in ('train', 'train_many'))
    return command.run(request, train, many)


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
