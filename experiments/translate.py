"""gax-translate from a clone of the repository: python experiments/translate.py; see gax/main/translate.py."""

from gax.main.translate import main as main
from gax.main.translate import run

if __name__ == '__main__':
    run()
