"""gax-compare from a clone of the repository: python experiments/compare.py; see gax/main/compare.py."""

from gax.main.compare import main as main
from gax.main.compare import run

if __name__ == '__main__':
    run()
