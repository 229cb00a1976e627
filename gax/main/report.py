"""One page about some runs: gax-report --workdir=runs/a --workdir=runs/b --out=report.html

It shows how their configs differ, their curves in common plots, results by protocol, and samples over time
side by side. The page is one self-contained file: mail it, move it, read it offline. For one run it is
WORKDIR/report.html, for several report.html in the current folder, unless --out is set.
"""

from absl import flags

from gax import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command. `cli.run` calls it, as two commands share some flags."""
    flags.DEFINE_multi_string('workdir', None, 'Folder of a run; repeat it for several runs.', required=True)
    flags.DEFINE_string('out', '', 'The file to write, .html.')


def main(argv: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    from gax import paths, report

    out = paths.user(FLAGS.out) if FLAGS.out else None
    page = report.write([paths.user(path) for path in FLAGS.workdir], out)
    runs = f'{len(FLAGS.workdir)} run{"s" * (len(FLAGS.workdir) > 1)}'
    print(f'gax: {runs} in {page} ({page.stat().st_size / 2**20:.1f} MiB)')
    return 0


def run() -> None:
    """The entry point of the console script."""
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
