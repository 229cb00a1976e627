"""gax-project from a clone of the repository: python experiments/project.py; see gax/main/project.py."""

from gax.main.project import main as main
from gax.main.project import run

if __name__ == '__main__':
    run()
