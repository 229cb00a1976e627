"""gax-train from a clone of the repository: python experiments/train.py; see gax/main/train.py."""

from gax.main.train import main as main
from gax.main.train import run

if __name__ == '__main__':
    run()
