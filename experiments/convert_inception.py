"""gax-convert-inception from a clone of the repository: python experiments/convert_inception.py; see gax/main/convert_inception.py."""

from gax.main.convert_inception import main as main
from gax.main.convert_inception import run

if __name__ == '__main__':
    run()
