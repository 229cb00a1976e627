"""gax-evaluate from a clone of the repository: python experiments/evaluate.py; see gax/main/evaluate.py."""

from gax.main.evaluate import main as main
from gax.main.evaluate import run

if __name__ == '__main__':
    run()
