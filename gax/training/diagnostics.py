"""Diagnostics: signs that a run is going wrong while its numbers are still finite."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import NamedTuple

PATIENCE = 10  # log lines in a row
ACCURACY = 0.995  # above this a discriminator is as good as perfect
LOGITS = 100.0  # sigmoid losses have no gradient left far below this
DIVERSITY = (
    0.3  # distance between fakes over that between reals: one of eight modes gives near 0, two some 0.3
)
# The size of a gradient depends on the loss and the width, so it is compared with the run's usual one. A
# decaying learning rate, or convergence, changes that by one or two orders of magnitude over many lines.
EXPLODES, VANISHES = 100.0, 1e-3
NOTHING = 1e-8  # Adam's epsilon: a smaller gradient changes no parameter, whatever was usual
MEMORY = 200  # lines whose median is the usual size


class Sign(NamedTuple):
    """One thing that can go wrong with the metric PLAYER/`metric`.

    Attributes:
      metric: The metric's name without the player.
      wrong: (value, usual) -> whether the value is wrong. `usual` is the median of recent good values, and
        0.0 while fewer than PATIENCE of them are known.
      says: The message, a format of name, player, value, usual and lines.
    """

    metric: str
    wrong: Callable[[float, float], bool]
    says: str


SIGNS = (
    Sign(
        'accuracy',
        lambda value, usual: value >= ACCURACY,
        '{name} has been at {value:.3f} for {lines} log lines: {player!r} tells fakes from reals without '
        'fail, and the generator may learn nothing. Lower its learning rate, or add a penalty.',
    ),
    Sign(
        'logits_max',
        lambda value, usual: abs(value) >= LOGITS,
        f'{{name}} has been above {LOGITS:.0f} for {{lines}} log lines (now {{value:.3g}}): logits grow '
        'without bound. A gradient penalty (config.terms.r1.weight) or a lower learning rate holds them.',
    ),
    Sign(
        'diversity',
        lambda value, usual: value < DIVERSITY,
        f'{{name}} has been below {DIVERSITY} for {{lines}} log lines (now {{value:.2g}}; 1 is as diverse '
        'as the data): fakes are much alike, the generator has collapsed onto a part of the data. A '
        'gradient penalty (config.terms.r1.weight), other learning rates, or a recipe against collapse '
        '(pacgan, unrolled) may help.',
    ),
    Sign(
        'grad_norm',
        lambda value, usual: 0.0 < usual * EXPLODES <= value,
        f'{{name}} has been more than {EXPLODES:.0f} times its usual {{usual:.2g}} for {{lines}} log lines '
        '(now {value:.3g}): gradients explode. Clip them (config.{player}.optimizer.clip_norm=1), or '
        'lower the learning rate.',
    ),
    Sign(
        'grad_norm',
        lambda value, usual: value <= max(usual * VANISHES, NOTHING),
        f'{{name}} has been below {VANISHES:g} of its usual {{usual:.2g}} for {{lines}} log lines (now '
        '{value:.2g}): gradients vanish, and {player!r} learns nothing more. Its opponent may be too '
        'far ahead (look at d/accuracy and the logits): lower the learning rate of that one, or choose '
        'another loss.',
    ),
)


class Watch:
    """Reads every log line and returns warnings.

    It warns when a metric has been out of its usual range for PATIENCE lines, once until the metric recovers.
    Divergence after a good phase is common (a public DCGAN log on CIFAR-10 reaches FID 49 at 42k steps and
    137 at 200k), and nobody watches step 42,000.
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        """Reads `rows`, the earlier log lines of a run that continues, without warning of them."""
        self._lines: dict[tuple[str, int], int] = {}  # (metric, index of a sign) -> bad lines in a row
        self._good: dict[str, deque[float]] = {}  # metric -> its last values without a sign
        for row in rows:
            self(row)

    def __call__(self, row: Mapping[str, float]) -> list[str]:
        """Reads one log line.

        Args:
          row: The metrics of a log line by name, with 'step'.

        Returns:
          The warnings, one line each.
        """
        warnings = []
        for name, value in row.items():
            player, _, metric = name.rpartition('/')
            signs = [(i, sign) for i, sign in enumerate(SIGNS) if sign.metric == metric]
            usual = self._usual(name)
            wrong = [(i, sign) for i, sign in signs if sign.wrong(value, usual)]
            for i, _ in signs:
                self._lines[name, i] = self._lines.get((name, i), 0) + 1 if i in dict(wrong) else 0
            for i, sign in wrong:
                if self._lines[name, i] == PATIENCE:
                    message = sign.says.format(
                        name=name, player=player, value=value, usual=usual, lines=PATIENCE
                    )
                    warnings.append(f'step {int(row["step"])}: {message}')
            if signs and not wrong:
                self._good.setdefault(name, deque(maxlen=MEMORY)).append(value)
        return warnings

    def _usual(self, name: str) -> float:
        good = self._good.get(name, ())
        return median(good) if len(good) >= PATIENCE else 0.0
