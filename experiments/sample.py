"""Sample a trained generator: python experiments/sample.py --workdir=runs/mnist --num=64 --out=grid.png

The ending of --out says what is made. Of samples drawn at random:
  --out=grid.png      a grid; each column is a class, where there are classes
  --out=samples.npz   `images` uint8 [N, H, W, C] and `labels` int32 [N] (of 2-D data: `points` float32 [N,
  D])
  --out=samples/      a folder of PNGs, in subfolders by class (--noclass_folders: all in one)
Other pictures, one at a time; as .png, .gif, .mp4 (pip install 'gax[video]') or .npz:
  --traverse=z:3 --span=2    one number varied along each row, the rest held; InfoGAN's code:0
  --traverse=label           the same latents as every class, a row each; InfoGAN's category
  --interpolate=4            each row on great circles through 4 latents; a film goes round
  --neighbours=5 --num=1000  are they copies? the most suspicious samples (.png) beside the nearest training
  images, and
                             .json: how many are nearer to one than its own nearest neighbour is
--truncation=0.7 goes with all: latents beyond 0.7 are drawn again. Less variety; of some GANs better samples.
"""

from absl import flags

from gax import cli

WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run.', required=True)
OUT = flags.DEFINE_string('out', 'samples.png', 'What to write; see above.')
NUM = flags.DEFINE_integer('num', 64, 'How many samples; in pictures of rows cut to whole rows.')
SEED = flags.DEFINE_integer('seed', 0, 'Seed of the latents.')
STEP = flags.DEFINE_string('step', 'newest', 'The checkpoint: newest, best, or a step.')
LABEL = flags.DEFINE_integer('label', None, 'Class of every sample; all classes in turn if not given.')
TRUNCATION = flags.DEFINE_float('truncation', 0.0, 'Largest value of a latent; 0: as they are drawn.')
TRAVERSE = flags.DEFINE_string('traverse', '', 'A latent to vary: FIELD:DIMENSION or FIELD.')
SPAN = flags.DEFINE_float('span', 2.0, 'How far from 0 --traverse takes a real number, to either side.')
INTERPOLATE = flags.DEFINE_integer('interpolate', 0, 'How many latents each row leads through.')
FRAMES = flags.DEFINE_integer('frames', 24, 'Of a film: from one latent to the next, or along --traverse.')
NEIGHBOURS = flags.DEFINE_integer('neighbours', 0, 'How many training images to show beside a sample.')
FEATURES = flags.DEFINE_string(
    'features', 'raw', 'What --neighbours compares: raw pixels, mnist, inception ...'
)
DATA = flags.DEFINE_string(
    'data', '', 'Where the training data lies, if it has moved; for --neighbours and points.'
)
FOLDERS = flags.DEFINE_bool('class_folders', True, 'A folder of PNGs has a subfolder for each class.')


def main(argv: list[str]) -> int:
    from gax import paths
    from gax.sampling import export, sampler

    asked = sampler.Request(
        workdir=paths.user(WORKDIR.value),
        out=OUT.value,
        num=NUM.value,
        seed=SEED.value,
        step=STEP.value,
        label=LABEL.value,
        truncation=TRUNCATION.value,
        traverse=TRAVERSE.value,
        span=SPAN.value,
        interpolate=INTERPOLATE.value,
        frames=FRAMES.value,
        neighbours=NEIGHBOURS.value,
        features=FEATURES.value,
        class_folders=FOLDERS.value,
        data=DATA.value,
    )
    made = export.export(asked)
    print(f'gax: {made.said} of step {made.step} in {OUT.value}')
    return 0


if __name__ == '__main__':
    cli.run(main)
