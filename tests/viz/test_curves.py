"""Curves of metrics: which panel each is in, and rows with holes."""

from PIL import Image

from gax.viz import curves


def test_metrics_have_their_panels():
    names = [
        'd/loss',
        'g/loss',
        'd/adversarial',
        'd/accuracy',
        'd/r1',
        'g/grad_norm',
        'd/logits_max',
        'step',
        'seconds',
    ]
    found = curves.panels(names)
    assert list(found.values()) == [
        *(['d/loss', 'g/loss'], ['d/accuracy'], ['d/logits_max'], ['g/grad_norm'], ['d/r1']),
    ]


def test_curves_of_any_rows(tmp_path):
    """Metrics that come and go, a norm that is zero, a player of another name; rows with no metric at all."""
    rows = [
        {'step': 1, 'd/loss': 1.0, 'd/grad_norm': 0.0, 'e/grad_norm': 1e9, 'd/diversity': 7.0},
        {'step': 2, 'd/loss': -1e9, 'g/path_length': 0.5, 'e/grad_norm': 1e-9, 'e/update_norm': 1.0},
    ]
    sizes = {}
    for name, some in (('a.png', rows), ('b.png', [{'step': 1}])):
        curves.curves(some, tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            sizes[name] = picture.size
    assert sizes == {'a.png': (1200, 900), 'b.png': (1200, 300)}  # five panels in three rows; none
    assert len(list(tmp_path.iterdir())) == 2
