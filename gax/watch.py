"""Signs that a run is going wrong while its numbers are still finite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ACCURACY = 0.995  # above this a discriminator is as good as perfect
LOGITS = 100.0  # sigmoid losses have no gradient left far below this
PATIENCE = 10  # log lines in a row


class Watch:
    """Reads every log line; returns a warning when something has been out of its usual range for PATIENCE lines.

    Divergence after a good spell is common (a public DCGAN log on CIFAR-10 reaches FID 49 at 42k steps and 137 at
    200k), and nobody looks at step 42,000: so the log says so. Each warning is given once, until things recover.
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        """rows: what a run that goes on has measured before; it is read, and not warned of again."""
        self._lines: dict[str, int] = {}
        for row in rows:
            self(row)

    def __call__(self, row: Mapping[str, float]) -> list[str]:
        step, warnings = int(row['step']), []
        for name, value in row.items():
            player, _, metric = name.rpartition('/')
            if metric == 'accuracy' and self._lasting(name, value >= ACCURACY):
                warnings.append(
                    f'step {step}: {name} has been at {value:.3f} for {PATIENCE} log lines: {player!r} tells fakes from '
                    'reals without fail, and the generator may learn nothing. Lower its learning rate, or add a penalty.'
                )
            if metric == 'logits_max' and self._lasting(name, abs(value) >= LOGITS):
                warnings.append(
                    f'step {step}: {name} has been above {LOGITS:.0f} for {PATIENCE} log lines (now {value:.3g}): logits '
                    'grow without bound. A gradient penalty (config.terms.r1.weight) or a lower learning rate holds them.'
                )
        return warnings

    def _lasting(self, name: str, out_of_range: bool) -> bool:
        self._lines[name] = self._lines.get(name, 0) + 1 if out_of_range else 0
        return self._lines[name] == PATIENCE
