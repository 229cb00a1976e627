"""Train the runs that a file lists, in one process: gax-train-many --config=mlp2d --runs=runs.json

Runs that differ in numbers only (seeds, learning rates, betas, weights of terms) are trained together, in one
compiled program; for other runs a message says why not. The file:

    [{"workdir": "runs/a", "setting": {"seed": 1, "terms.r1.weight": 0.1}}, ...]

Each run has the fields in which it differs from the config. Each workdir is as gax-train would leave it, and
gax-train can resume it. endings.jsonl next to the file records how each run ended. gax-sweep --vectorize
calls this.
Exit status: 0 when all runs are done; 1 if some failed; 2 for an error; 143 or 130 for SIGTERM or Ctrl-C,
all saved.
"""

from absl import flags

from gax import cli
from gax.config import arguments

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    arguments.define_config()
    flags.DEFINE_string('runs', None, 'JSON file that lists the runs.', required=True)


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import paths
    from gax.sweep.vmapped import run_list

    return run_list.train(FLAGS.config, paths.user(FLAGS.runs))


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
