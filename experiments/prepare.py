"""gax-prepare from a clone of the repository: python experiments/prepare.py; see gax/main/prepare.py."""

from gax.main.prepare import main as main
from gax.main.prepare import run

if __name__ == '__main__':
    run()
