"""The fields of a config that say how a run is evaluated while it trains."""

from typing import Any


def eval_section() -> dict[str, Any]:
    """The fields of evaluation while a run trains: gax.training.evaluate.

    `every` is in every config; the others only if they are set.
    """
    return {
        'every': 0,  # steps; 0: never
        'num': 5000,  # fakes
        'reals': 0,  # the most reals to compare with; 0: all
        'split': '',  # validation or test, of a run that trains on data.split=train; '': what it trains on
        'features': '',  # inception, mnist, emoji, raw, package.module:function; '': those that suit the data
        'metrics': ('frechet',),  # see gax/main/evaluate.py
        'best': '',  # the number that selects the best checkpoint, which is kept; '': none
        # Batches over whose statistics batch-norm's are averaged; 0: the running ones. core.standing
        'standing': 0,
        'patience': 0,  # evaluations without an improvement until training stops; 0: it does not stop
    }
