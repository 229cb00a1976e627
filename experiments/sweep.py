"""gax-sweep from a clone of the repository: python experiments/sweep.py; see gax/main/sweep.py."""

from gax.main.sweep import main as main
from gax.main.sweep import run

if __name__ == '__main__':
    run()
