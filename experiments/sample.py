"""Sample a trained generator: python experiments/sample.py --workdir=runs/mnist --num=64 --out=grid.png

A .png is a grid (each column a class, where there are classes); an .npz holds `images` uint8 [N, H, W, C] and, where
there are classes, `labels` int32 [N] (for 2-D data: `points` float32 [N, D]).
"""

from pathlib import Path

from absl import flags

from gax import cli

WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run.', required=True)
OUT = flags.DEFINE_string('out', 'samples.png', 'File to write, .png or .npz.')
NUM = flags.DEFINE_integer('num', 64, 'How many samples.')
SEED = flags.DEFINE_integer('seed', 0, 'Seed of the latents.')
STEP = flags.DEFINE_integer('step', None, 'Step of the checkpoint; the newest if not given.')
LABEL = flags.DEFINE_integer('label', None, 'Class of every sample; all classes in turn if not given.')


def main(argv: list[str]) -> int:
    from gax import export

    step = export.export(Path(WORKDIR.value), Path(OUT.value), NUM.value, SEED.value, STEP.value, LABEL.value)
    print(f'gax: {NUM.value} samples of step {step} in {OUT.value}')
    return 0


if __name__ == '__main__':
    cli.run(main)
