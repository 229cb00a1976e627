"""The fields of a config that say how a run is evaluated while it trains."""

from typing import Any


def eval_section() -> dict[str, Any]:
    """The fields of evaluation while a run trains: gax.training.evaluate.

    A config has those but `every` where they are set.
    """
    return {
        'every': 0,  # steps; 0: never
        'num': 5000,  # fakes
        'reals': 0,  # at most how many they are held against; 0: all
        'features': '',  # inception, mnist, emoji, raw, package.module:function; '': those that suit the data
        'metrics': ('frechet',),  # see gax/main/evaluate.py
        'best': '',  # the number by which a checkpoint is the best, and kept; '': none is
        'patience': 0,  # evaluations without a better one, after which training ends; 0: it does not
    }
