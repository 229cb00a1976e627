"""One page about some runs: python experiments/report.py --workdir=runs/a --workdir=runs/b --out=report.html

What tells their configs apart, curves over one another, results by protocol, samples over time side by side.
The page is one
file with everything in it: mail it, put it anywhere, read it offline. Of one run it is WORKDIR/report.html,
of several report.html here, unless --out says otherwise.
"""

from absl import flags

from gax import cli

WORKDIR = flags.DEFINE_multi_string(
    'workdir', None, 'Folder of a run; give it as often as there are runs.', required=True
)
OUT = flags.DEFINE_string('out', '', 'File to write, .html.')


def main(argv: list[str]) -> int:
    from gax import paths, report

    made = report.write(
        [paths.user(path) for path in WORKDIR.value], paths.user(OUT.value) if OUT.value else None
    )
    print(
        f'gax: {len(WORKDIR.value)} run{"s" * (len(WORKDIR.value) > 1)} in {made} ({made.stat().st_size / 2**20:.1f} MiB)'
    )
    return 0


if __name__ == '__main__':
    cli.run(main)
