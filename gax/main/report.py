"""One page about some runs: gax-report --workdir=runs/a --workdir=runs/b --out=report.html

What tells their configs apart, curves over one another, results by protocol, samples over time side by side.
The page is one file with everything in it: mail it, put it anywhere, read it offline. Of one run it is
WORKDIR/report.html, of several report.html here, unless --out says otherwise.
"""

from absl import flags

from gax import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags of the command; done when it is called, as two commands have some in common."""
    flags.DEFINE_multi_string(
        'workdir', None, 'Folder of a run; give it as often as there are runs.', required=True
    )
    flags.DEFINE_string('out', '', 'File to write, .html.')


def main(argv: list[str]) -> int:
    from gax import paths, report

    out = paths.user(FLAGS.out) if FLAGS.out else None
    page = report.write([paths.user(path) for path in FLAGS.workdir], out)
    runs = f'{len(FLAGS.workdir)} run{"s" * (len(FLAGS.workdir) > 1)}'
    print(f'gax: {runs} in {page} ({page.stat().st_size / 2**20:.1f} MiB)')
    return 0


def run() -> None:
    cli.run(main, define_flags, __doc__)


if __name__ == '__main__':
    run()
