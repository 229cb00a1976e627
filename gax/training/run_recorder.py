"""Records a run in its workdir: metrics, pictures, evaluations, checkpoints."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path
from ml_collections import ConfigDict

from gax import errors
from gax.config import defaults as configs
from gax.config import sections
from gax.core import metrics
from gax.core.types import PyTree, TrainState
from gax.data import encoded
from gax.data.identity import Identity
from gax.evals import results
from gax.training import wandb_writer
from gax.training.checkpoints import Checkpoints
from gax.training.diagnostics import Watch
from gax.training.experiment import Carry
from gax.training.model_selection import Selection, on_board
from gax.training.progress import LogFile
from gax.training.workdir import MetricsWriter, open_workdir, read_metrics
from gax.viz import curves, drawing, images


class Record:
    """The open workdir of a run. All values that it writes are on the host.

    Attributes:
      start: The step of the newest checkpoint; 0 without one.
      restored: The content of that checkpoint, until the caller has put it on the device.
      over: Why training ended for good before its last step; '' while it goes on.
    """

    def __init__(
        self,
        config: ConfigDict,
        workdir: Path,
        shapes: Carry,
        selection: Selection | None,
        closing: ExitStack,
        data: Identity | None = None,
        accept: bool = False,
    ) -> None:
        """Opens the workdir.

        Args:
          config: The config.
          workdir: The workdir.
          shapes: The shapes of the carry.
          selection: Evaluates the run; None for a run without evaluations.
          closing: Closes the workdir.
          data: The identity of the data.
          accept: Whether other data, or another protocol of evaluation, than at the start of the run is
            accepted.

        Raises:
          GaxError: The workdir is in use, is that of another run or of other data, or cannot be written.
        """
        self.config, self.workdir, self.selection = config, workdir, selection
        self.spec = data.spec if data else None
        project = sections.wandb_project(config)
        wandb_writer.require(project)
        closing.enter_context(open_workdir(workdir, config, data, accept))
        self.checkpoints = Checkpoints(workdir / 'checkpoints', config.checkpoint.keep)
        closing.callback(self.checkpoints.close)
        with errors.plain_os_errors(workdir):
            self.log_file = LogFile(workdir / 'log.txt')
        closing.callback(self.log_file.close)
        closing.push(self.note_error)
        self.start = 0
        self.restored: PyTree | None = None
        if checkpoint := self.checkpoints.restore(shapes):
            self.start, self.restored = checkpoint
        self.over = ''
        self.drop_later()
        if selection and self.start:
            selection.refuse_other_features(self.start, accept)
            selection.mark(self.checkpoints, self.start)
            self.over = selection.why_stop(self.start)
        rows = [row for row in read_metrics(workdir) if row['step'] <= self.start]
        self.seconds = rows[-1]['seconds'] if rows else 0.0  # of training before the run was resumed
        comes_again = False  # whether the last row was written early, and is written again
        if self.restored is not None and self.start < config.steps and not self.over:
            comes_again = metrics.measured(self.restored.meter)
        self.writer = MetricsWriter(workdir, self.start - comes_again, project)
        closing.callback(self.writer.close)
        self.writer.config(configs.flat(config), list(shapes.meter.totals))
        self.watch = Watch(self.writer.rows)

    def drop_later(self) -> None:
        """Removes pictures and results of steps after the checkpoint, as these steps are trained again."""
        results.drop_after(self.workdir, self.start, self.checkpoints.damaged / results.FILE)
        with errors.plain_os_errors(self.workdir):
            for path in self.pictures():
                if int(path.stem) > self.start:
                    path.unlink()

    def note_error(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Writes to the log file why a run ended; with a traceback if it is not a mistake of the user.

        The signature is that of `ExitStack.push`.
        """
        if error is not None and not isinstance(error, SystemExit):
            with_traceback = ''.join(traceback.format_exception(error))
            text = str(error) if isinstance(error, errors.GaxError) else with_traceback
            self.log_file.note(text or type(error).__name__, logging.ERROR)

    def log(
        self, step: int, host: metrics.Meter, speed: Mapping[str, float]
    ) -> tuple[dict[str, float], list[str]]:
        """Writes a line of metrics.

        Args:
          step: The step.
          host: The accumulated metrics.
          speed: See `Clock.row`.

        Returns:
          (the line, warnings).

        Raises:
          GaxError: A metric is not finite, or the previous checkpoint could not be written.
        """
        self.checkpoints.check()
        self.refuse_non_finite(host)
        row = {'step': step, **metrics.means(host), **speed, 'seconds': self.seconds + speed['seconds']}
        self.writer.write(row)
        return row, self.watch(row)

    @property
    def reals(self) -> Path:
        """The file of the picture of real examples."""
        return self.workdir / 'samples' / 'reals.png'

    def picture(self, step: int) -> Path:
        """The file of the picture of samples at a step."""
        return self.workdir / 'samples' / f'{step:07d}.png'

    def pictures(self) -> list[Path]:
        """The pictures of samples that exist, by step."""
        return sorted(p for p in (self.workdir / 'samples').glob('*.png') if p.stem.isdigit())

    def sample(
        self,
        step: int,
        fakes: PyTree,
        columns: int,
        behind: tuple[PyTree, PyTree],
        cells: Sequence[np.ndarray] = (),
    ) -> None:
        """Writes a picture of samples.

        Args:
          step: The step.
          fakes: The samples.
          columns: The columns of the picture.
          behind: What points are drawn over, see `drawing.draw`.
          cells: Of a game that makes images from images: what `images.rows` draws in place of the samples
            alone.
        """
        reals, surface = behind
        reals = encoded.pictured(reals, self.spec)[0]
        pictured, spec = encoded.pictured(fakes, self.spec)
        drawn = images.rows(cells) if cells else drawing.draw(pictured, columns, reals, surface, spec=spec)
        with errors.plain_os_errors(self.workdir):
            images.save(drawn, self.picture(step))
        self.writer.image(step, 'samples', drawn)

    def sample_reals(self, reals: PyTree, columns: int) -> None:
        """Writes a picture of real examples.

        Args:
          reals: Examples as the discriminator gets them.
          columns: The columns of the picture.
        """
        reals, spec = encoded.pictured(reals, self.spec)
        drawn = drawing.draw_reals(reals, columns, spec)
        with errors.plain_os_errors(self.workdir):
            images.save(drawn, self.reals)
        self.writer.image(0, 'reals', drawn)

    def evaluate(self, step: int, state: TrainState, host: Callable[[], Carry]) -> str:
        """Evaluates, saves the best checkpoint, and decides whether training goes on, see `over`.

        If an evaluation fails, for whatever reason, a checkpoint is saved and training goes on.

        Args:
          step: The step.
          state: The state, on the devices.
          host: Returns the carry on the host.

        Returns:
          A line for the log.
        """
        assert self.selection is not None
        try:
            row = self.selection.evaluate(step, state)
        except Exception as error:
            self.save(step, host())
            self.checkpoints.wait()  # the failure may soon end the process
            return f'step {step}: the evaluation failed, and training goes on: {errors.first_line(error)}'
        self.writer.scalars(step, on_board(row))
        if self.selection.is_best(step):
            self.save(step, host(), then=partial(self.selection.mark, self.checkpoints, step))
        self.over = self.selection.why_stop(step)
        return self.selection.log_line(row)

    def save(self, step: int, host: Carry, then: Callable[[], None] = lambda: None) -> None:
        """Saves a checkpoint if it is finite, so that a run can always resume from the last one.

        It is written while training goes on, see `Checkpoints.save_async`.

        Args:
          step: The step.
          host: The carry, on the host.
          then: Called once the checkpoint has been written.

        Raises:
          GaxError: A metric, a parameter or a state is not finite.
        """
        self.refuse_non_finite(host.meter)
        trees = {
            'parameter': host.state.params,
            'state': host.state.model_state,
            'average': host.state.ema,
        }
        for kind, tree in trees.items():
            for path, leaf in tree_leaves_with_path(tree):
                if not np.all(np.isfinite(np.asarray(leaf, np.float32))):
                    raise self.non_finite(step, f'{kind} {keystr(path)}')
        self.checkpoints.save_async(step, host, then)

    def refuse_non_finite(self, host: metrics.Meter) -> None:
        """Checks that all metrics are finite.

        Raises:
          GaxError: One is not.
        """
        bad = metrics.first_bad(host)
        if bad:
            raise self.non_finite(bad[0] + 1, bad[1])

    def non_finite(self, step: int, what: str) -> errors.GaxError:
        """The error for a value that is not finite.

        Args:
          step: The step.
          what: The name of the value.

        Returns:
          The error, which names the last checkpoint and says what to try.
        """
        self.checkpoints.wait()
        saved = self.checkpoints.steps()
        last = f'the last finite checkpoint, of step {saved[-1]}, stays' if saved else 'no checkpoint yet'
        return errors.GaxError(
            f'{what} is not finite at step {step}; training stopped ({last} in {self.workdir}). Try a lower '
            'learning rate or clipped gradients (--config.d.optimizer.clip_norm=1, and of g) in a new '
            '--workdir'
        )

    def draw(self) -> None:
        """Writes the final pictures of a run: the curves, and the animation of its samples."""
        self.draw_curves()
        frames = self.pictures()
        if len(frames) > 1:
            with errors.plain_os_errors(self.workdir):
                images.animation(frames, self.workdir / 'samples.gif')

    def draw_curves(self) -> None:
        """Writes the picture of the curves."""
        if self.writer.rows:
            evaluations: list[dict[str, Any]] = (
                self.selection.curves(self.config.steps) if self.selection else []
            )
            with errors.plain_os_errors(self.workdir):
                curves.curves([*self.writer.rows, *evaluations], self.workdir / 'curves.png')
