"""Train a config many times: python experiments/sweep.py --config=configs/mlp2d.py --sweep=lr,seed
--workdir=runs/lr

--sweep names sweep_NAME() functions of the config file; their product is run. --seeds=N runs each setting
with N seeds. --search=tpe|random --trials=N --objective=METRIC proposes settings instead, and stops those
that do badly (--pruner). As many workers as are started with the same command share the runs: on one machine
through SQLite in the workdir, on several with --storage=postgresql://USER@HOST/DATABASE. The same command
goes on where it stopped, and with more --seeds or --trials adds runs. WORKDIR/sweep.html is the summary,
sweep.csv every run, runs/NAME an ordinary workdir of train.py. --vectorize trains runs of a grid that differ
only in numbers together, in one compiled program; --dry_run says which. They are those of runs alone but for
rounding, which grows with the steps.
Exit status: 0 when all runs are done; 1 where some failed; 2 for an error; 143 or 130 for SIGTERM or Ctrl-C,
all saved.
"""

from pathlib import Path

from absl import flags
from ml_collections import config_flags

from gax import cli
from gax.config import arguments

CONFIG = arguments.define_config()
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the sweep.', required=True)
SWEEP = flags.DEFINE_list('sweep', [], 'Names of sweep_NAME() functions of the config file, and `seed`.')
SEEDS = flags.DEFINE_integer(
    'seeds', 0, 'Seeds of each setting: config.seed and those after it.', lower_bound=0
)
SEARCH = flags.DEFINE_enum('search', '', ['', 'tpe', 'random'], 'Propose settings rather than run all.')
TRIALS = flags.DEFINE_integer('trials', 50, 'Settings that a search tries.')
OBJECTIVE = flags.DEFINE_string(
    'objective', '', 'A metric, e.g. frechet_mnist or d/diversity:mean (last, min, max, mean).'
)
DIRECTION = flags.DEFINE_enum(
    'direction', '', ['', 'minimize', 'maximize'], 'Of the objective, where it is not known.'
)
PRUNER = flags.DEFINE_enum(
    'pruner', 'median', ['median', 'hyperband', 'none'], 'What ends bad runs of a search.'
)
STORAGE = flags.DEFINE_string(
    'storage', '', 'postgresql://USER@HOST/DATABASE; SQLite in the workdir if empty.'
)
RETRY = flags.DEFINE_bool('retry_failed', False, 'Run what has failed once more.')
VECTORIZE = flags.DEFINE_bool(
    'vectorize', False, 'Train runs that differ only in numbers together, in one compiled program.'
)
GROUP = flags.DEFINE_integer('group', 64, 'Runs that --vectorize trains at once, at most.', lower_bound=1)
DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Print the runs and leave.')


def main(argv: list[str]) -> int:
    import jax

    from gax import paths
    from gax.sweep import command

    jax.config.update('jax_platforms', 'cpu')  # the runs need the accelerator, and this process none
    asked = command.Asked(
        base=CONFIG.value,
        file=config_flags.get_config_filename(flags.FLAGS['config']),
        workdir=paths.user(WORKDIR.value),
        sweep=SWEEP.value,
        seeds=SEEDS.value,
        search=SEARCH.value,
        trials=TRIALS.value,
        objective=OBJECTIVE.value,
        direction=DIRECTION.value,
        pruner=PRUNER.value,
        storage=STORAGE.value,
        retry=RETRY.value,
        vectorize=VECTORIZE.value,
        group=GROUP.value,
    )
    if DRY_RUN.value:
        return command.dry_run(asked)
    given = command.passed_on()
    train, many = ([str(Path(__file__).with_name(name)), *given] for name in ('train.py', 'train_many.py'))
    return command.run(asked, train, many)


if __name__ == '__main__':
    cli.run(main)
