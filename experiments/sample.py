"""gax-sample from a clone of the repository: python experiments/sample.py; see gax/main/sample.py."""

from gax.main.sample import main as main
from gax.main.sample import run

if __name__ == '__main__':
    run()
