"""Gets a set of TensorFlow Datasets ready for training: python experiments/prepare.py --data=tfds:cifar10

Downloads it and writes it as ArrayRecord files, which training reads without TensorFlow. That most sets need TensorFlow to
be prepared is why this is a command of its own; it keeps to the CPU. What is prepared already is left as it is.
"""

from absl import flags

from gax import cli

DATA = flags.DEFINE_string('data', None, 'tfds:NAME[/config], as in config.data.name.', required=True)
DIR = flags.DEFINE_string('dir', '', 'Folder for prepared sets; by default where TFDS keeps them.')


def main(argv: list[str]) -> int:
    from gax.data import prepare

    print(prepare.prepare(DATA.value, DIR.value))
    return 0


if __name__ == '__main__':
    cli.run(main)
