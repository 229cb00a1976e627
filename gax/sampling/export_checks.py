"""Checks of a request for samples: the ending of the file, the kind of data, the class and the styles."""

from __future__ import annotations

from gax import errors, paths
from gax.core import translation
from gax.core.spec import Spec
from gax.core.translation import Direction
from gax.sampling import formats
from gax.sampling.sampler import Request
from gax.training.experiment import Experiment
from gax.viz import png_folder, video

FOLDER = '/'
SUFFIXES = {
    '.png': '.png (a grid)',
    '.npz': '.npz (arrays)',
    FOLDER: '/ (a folder of PNGs)',
    '.gif': '.gif',
    '.mp4': '.mp4 (films)',
    '.wav': '.wav (audio)',
    '.csv': '.csv (series, tables)',
    '.txt': '.txt (tokens)',
}
STILL = ('.png', '.npz', FOLDER, *formats.SUFFIXES)
MOVING = ('.png', '.npz', *video.KINDS)


def directions(request: Request, built: Experiment) -> tuple[Direction, ...]:
    """The directions of a game that makes images from images, the requested one first.

    Raises:
      GaxError: The game does not translate as the request says.
    """
    ways = translation.directions(built.game, built.source.spec)
    if not ways:
        if request.direction:
            raise errors.GaxError(
                f'--direction={request.direction}: {built.config.gan} makes no images from images'
            )
        return ()
    first = translation.chosen(ways, request.direction, built.config.gan)
    return (first, *(way for way in ways if way != first))


def check_kind(spec: Spec, kind: str, request: Request) -> None:
    """Checks that samples of this data can be written in such a file.

    Args:
      spec: The data of the run.
      kind: The ending of the file, or FOLDER.
      request: The request.

    Raises:
      GaxError: They cannot.
    """
    if request.neighbours or kind in video.KINDS:
        target = spec.fields[spec.target].kind
        if target not in ('image', 'point'):
            raise errors.GaxError(
                f'--out {request.out}: films and neighbours are of images, and {spec.name} is {target} data'
            )
    else:
        formats.check(spec, kind, FOLDER, request.out)


def check_label(label: int | None, built: Experiment) -> None:
    """Checks that the generator can be asked for a class.

    Args:
      label: The class, or None for all classes.
      built: The experiment of the run.

    Raises:
      GaxError: The data has no such class, or the generator is not conditioned on labels.
    """
    if label is None:
        return
    spec = built.source.spec
    if not 0 <= label < spec.num_classes:
        raise errors.GaxError(f'--label {label}: {spec.name} has {spec.num_classes} classes, from 0')
    if 'label' not in built.game.conditions:
        raise errors.GaxError(
            f'--label {label}: {built.config.gan} makes samples of no class in particular here; leave '
            '--label out'
        )


def check_numbers(request: Request, mode: str) -> None:
    """Checks the numbers of a request, and what its flags go with.

    Args:
      request: The request.
      mode: The picture that is requested: 'traverse', 'interpolate' ...; '' for samples drawn at random.

    Raises:
      GaxError: A number is out of range, or flags contradict the picture.
    """
    if request.standing is not None and request.standing < 0:
        raise errors.GaxError(f'--standing must be at least 0, and is {request.standing}')
    for seed in (request.seed, *request.seeds):
        errors.in_range('--seed', seed, *errors.SEEDS)
    check_styles(request, mode)
    if request.num < 1:
        raise errors.GaxError(f'--num must be positive, and is {request.num}')
    if mode == 'interpolate' and request.interpolate < 2:
        raise errors.GaxError(f'--interpolate must be 2 or more latents, and is {request.interpolate}')
    if request.frames < 2:
        raise errors.GaxError(f'--frames must be at least 2, and is {request.frames}')


def check_styles(request: Request, mode: str) -> None:
    """Checks what the flags of seeds and styles go with.

    Raises:
      GaxError: They contradict the picture that is requested.
    """
    if request.seeds and mode not in ('', 'mix', 'psi'):
        raise errors.GaxError(f'--seeds names samples, and goes with --mix and --psi; leave --{mode} out')
    if request.seeds and request.where:
        raise errors.GaxError('--where is of samples drawn at random; leave --seeds out')
    if request.space == 'w' and mode != 'interpolate':
        raise errors.GaxError('--space=w goes with --interpolate')


def kind_of(out: str, kinds: tuple[str, ...], when: str) -> str:
    """The kind of a file.

    Args:
      out: The path.
      kinds: The endings that are allowed.
      when: 'with --MODE ' for messages, or ''.

    Returns:
      Its ending, one of `kinds`; FOLDER for a folder.

    Raises:
      GaxError: The ending is another one, or the file cannot be written there.
    """
    path = paths.user(out)
    kind = FOLDER if out.endswith('/') or not path.suffix else path.suffix.lower()
    if kind not in kinds:
        films = ' (films are of --interpolate and --traverse)' if kind in video.KINDS and not when else ''
        valid = ', '.join(SUFFIXES[k] for k in kinds)
        raise errors.GaxError(f'--out {out} must {when}end in {valid}{films}')
    if not path.absolute().parent.is_dir():
        raise errors.GaxError(f'--out {out}: the folder {path.absolute().parent} does not exist')
    errors.refuse_unwritable(path)
    if kind == FOLDER:
        png_folder.check(path)
    if kind == '.mp4':
        video.encoder()
    return kind
