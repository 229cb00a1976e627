"""Sample a trained generator: python experiments/sample.py --workdir=runs/mnist --num=64 --out=grid.png

A .png is a grid (each column a class, where there are classes); an .npz holds `images` uint8 [N, H, W, C] and, where
there are classes, `labels` int32 [N] (for 2-D data: `points` float32 [N, D]).

--traverse=FIELD:DIMENSION or --traverse=FIELD varies one latent along each row, the others held: `z:0`, InfoGAN's `code:0`
and `category`, the `label` of a conditional GAN. Real numbers go from -span to span, whole numbers take all their values.
"""

from pathlib import Path

from absl import flags

from gax import cli

WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run.', required=True)
OUT = flags.DEFINE_string('out', 'samples.png', 'File to write, .png or .npz.')
NUM = flags.DEFINE_integer('num', 64, 'How many samples; cut to whole rows by --traverse.')
SEED = flags.DEFINE_integer('seed', 0, 'Seed of the latents.')
STEP = flags.DEFINE_integer('step', None, 'Step of the checkpoint; the newest if not given.')
LABEL = flags.DEFINE_integer('label', None, 'Class of every sample; all classes in turn if not given.')
TRAVERSE = flags.DEFINE_string('traverse', '', 'A latent to vary along each row: FIELD:DIMENSION or FIELD.')
SPAN = flags.DEFINE_float('span', 2.0, 'How far from 0 --traverse takes a real number, to either side.')


def main(argv: list[str]) -> int:
    from gax import export

    place, out = Path(WORKDIR.value), Path(OUT.value)
    choice = (STEP.value, LABEL.value, TRAVERSE.value, SPAN.value)
    step = export.export(place, out, NUM.value, SEED.value, *choice)
    what = f'traversal of {TRAVERSE.value}' if TRAVERSE.value else f'{NUM.value} samples'
    print(f'gax: {what} of step {step} in {out}')
    return 0


if __name__ == '__main__':
    cli.run(main)
