"""gax: functional GAN experiments in JAX.

A GAN is a game between pure functions: networks (`Net`), players who own some of them (`Player`) and move by
gradient descent on a weighted sum of terms (`Term`), and a train state that holds every array (`TrainState`).
What most recipes and notebooks need is here; everything else is imported from its package, e.g. `from
gax.objectives import losses`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gax.core.sample import sample as sample
    from gax.core.spec import Field as Field
    from gax.core.spec import Spec as Spec
    from gax.core.step import init as init
    from gax.core.step import make_step as make_step
    from gax.core.step import make_update as make_update
    from gax.core.types import Context as Context
    from gax.core.types import Game as Game
    from gax.core.types import Net as Net
    from gax.core.types import Player as Player
    from gax.core.types import Term as Term
    from gax.core.types import TrainState as TrainState
    from gax.core.updates import batches_per_step as batches_per_step
    from gax.nets.linen import from_linen as from_linen

__version__ = '0.1.0'

_MODULE_OF = {
    **dict.fromkeys(('Context', 'Game', 'Net', 'Player', 'Term', 'TrainState'), 'gax.core.types'),
    'batches_per_step': 'gax.core.updates',
    **dict.fromkeys(('init', 'make_step', 'make_update'), 'gax.core.step'),
    **dict.fromkeys(('Field', 'Spec'), 'gax.core.spec'),
    'from_linen': 'gax.nets.linen',
    'sample': 'gax.core.sample',
}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used: `import gax` alone imports neither JAX nor Flax."""
    if name not in _MODULE_OF:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
