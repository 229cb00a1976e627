"""gax-report from a clone of the repository: python experiments/report.py; see gax/main/report.py."""

from gax.main.report import main as main
from gax.main.report import run

if __name__ == '__main__':
    run()
