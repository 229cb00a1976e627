"""gax-train-many from a clone of the repository: python experiments/train_many.py; see gax/main/train_many.py."""

from gax.main.train_many import main as main
from gax.main.train_many import run

if __name__ == '__main__':
    run()
