"""The page: whole, self-contained, escaped; what is missing is said.

Of workdirs written by hand, and of a real run.
"""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gax import errors, report
from gax.report import runs, samples, tables
from tests.helpers import workdirs

VOID = {'meta', 'input', 'img', 'br', 'line', 'circle', 'polyline'}


class Outline(HTMLParser):
    """Checks that every element is closed; collects attributes that fetch, headings, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or '' for name, value in attrs if name in ('src', 'href', 'srcset', 'data')]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ('script', 'style'):
            self.text.append(data)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def carried(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def text_of(page: str) -> str:
    return ' '.join(' '.join(outline(page).text).split())


def written(*workdirs: Path, out: Path | None = None) -> str:
    return report.write(workdirs, out).read_text(encoding='utf-8')


def test_two_runs(tmp_path: Path) -> None:
    one = workdirs.make(tmp_path / 'one')
    two = workdirs.make(tmp_path / 'two', 200, seed=3, loss='hinge', d__net__widths=(8, 8))
    page = written(one, two, out=tmp_path / 'page.html')
    found = outline(page)
    assert found.fetched
    assert all(uri.startswith('data:image/webp;base64,') for uri in found.fetched)
    assert not re.search(r'https?://(?!www\.w3\.org/2000/svg)', page)
    assert "default-src 'none'" in page
    said = text_of(page)
    for part in ('loss non_saturating hinge', 'seed 0 3', 'd.net.widths 512, 256 8, 8', 'steps 100 200'):
        assert part in said.replace('1024, ', '')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['one', 'page.html', 'two']


def test_the_same_field_is_no_difference(tmp_path: Path) -> None:
    one, two = workdirs.make(tmp_path / 'one'), workdirs.make(tmp_path / 'two')
    assert tables.differences(runs.read([one, two])) == '<p>No field differs: the runs have one config.</p>'


def test_recipes_of_different_fields(tmp_path: Path) -> None:
    """Fields that a recipe has not are absent."""
    both = runs.read([workdirs.make(tmp_path / 'one'), workdirs.make(tmp_path / 'two', gan='infogan')])
    made = tables.differences(both)
    assert re.search(
        r'<code>code.categories</code></th><td>' + re.escape(tables.ABSENT) + '</td><td>10</td>', made
    )
    assert 'batch_size' not in made


def test_one_run_is_held_against_its_recipe(tmp_path: Path) -> None:
    page = written(workdirs.make(tmp_path / 'run', seed=7))
    assert (tmp_path / 'run' / 'report.html').read_text() == page
    said = text_of(page)
    assert 'its config beside the defaults of vanilla' in said
    assert 'seed 0 7' in said
    assert 'data-toggle' not in page.partition('<script>')[0]


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    evil = '<script>alert(1)<!--'
    folder = workdirs.make(tmp_path / evil.replace('/', ''), augment='color')
    config = json.loads((folder / 'config.json').read_text())
    config['augment'] = evil + '"&\''
    config['data']['name'] = '</script><img src=x onerror=alert(2)>'
    (folder / 'config.json').write_text(json.dumps(config))
    with open(folder / 'metrics.jsonl', 'a') as file:
        file.write(json.dumps(workdirs.row(110, **{'d/</script><b>': 1.0})) + '\n')
    workdirs.evaluate(folder, 100, {'<i>fid</i>': 1.0}, features='<b>')
    page = written(folder, workdirs.make(tmp_path / 'other'), out=tmp_path / 'page.html')
    found = outline(page)
    assert all(uri.startswith('data:') for uri in found.fetched)
    assert page.count('<script') == 2
    assert '<b>' not in page.replace('<b>1</b>', '')
    assert '<i>' not in page
    assert 'onerror=alert(2)>' not in page
    assert evil in ' '.join(found.text)
    assert carried(page)['runs'][0] == evil


def test_whatever_is_missing_is_said(tmp_path: Path) -> None:
    """A run that has only begun: a config and nothing else. And one whose files are cut short or damaged."""
    bare, broken = tmp_path / 'bare', workdirs.make(tmp_path / 'broken')
    bare.mkdir()
    (bare / 'config.json').write_text((broken / 'config.json').read_text())
    said = text_of(written(bare))
    for part in (
        'not begun',
        'No samples were drawn yet',
        'Nothing was logged yet',
        'Not evaluated yet: bare',
    ):
        assert part in said
    for path in (broken / 'samples').iterdir():
        path.write_bytes(path.read_bytes()[:50])
    (broken / 'samples' / 'mine.png').write_bytes(b'')
    (broken / 'eval.jsonl').write_text('{"step": 3')
    (broken / 'checkpoints').mkdir()
    (broken / 'checkpoints' / 'best.json').write_text('{')
    said = text_of(written(broken, bare, out=tmp_path / 'page.html'))
    assert 'No samples that can be read' in said
    assert 'Not evaluated yet: broken, bare' in said


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = workdirs.make(tmp_path / 'run')
    with pytest.raises(errors.GaxError, match=r'page\.txt must end in \.html'):
        report.write([run], tmp_path / 'page.txt')
    written(run)
    before = (run / 'report.html').read_bytes()

    def full(self: Path, *arguments: object, **options: object) -> int:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'write_text', full)
    with pytest.raises(errors.GaxError, match='no space left'):
        report.write([run])
    assert (run / 'report.html').read_bytes() == before


def test_states(tmp_path: Path) -> None:
    run = workdirs.make(tmp_path / 'run', 100, eval__patience=2, eval__every=10, eval__best='frechet')
    state = lambda: runs.read_run(run, 'run').state()  # noqa: E731
    assert state() == 'done'
    rows = (run / 'metrics.jsonl').read_text().splitlines(keepends=True)
    (run / 'metrics.jsonl').write_text(''.join(rows[:4]))
    assert state() == 'at step 40 of 100 (no checkpoint)'
    (run / 'checkpoints' / '30').mkdir(parents=True)
    (run / 'checkpoints' / '60.tmp').mkdir()
    assert state() == 'at step 40 of 100 (newest checkpoint 30)'
    (run / 'checkpoints' / 'best.json').write_text('{"step": 20, "metric": "frechet_raw", "value": 3.0}')
    for step in (10, 20, 30):
        workdirs.evaluate(run, step, {'frechet_raw': 1.0}, by='training')
    assert state() == 'at step 40 of 100 (newest checkpoint 30)'
    workdirs.evaluate(run, 40, {'frechet_raw': 5.0}, by='evaluate')  # by hand: patience knows nothing of it
    assert 'stopped' not in state()
    workdirs.evaluate(run, 40, {'frechet_raw': 5.0}, by='training', seed=1)
    assert state() == 'stopped early at step 40 of 100'
    assert '3 frechet_raw at step 20' in tables.overview(runs.read([run]))


def test_scores_of_two_protocols(tmp_path: Path) -> None:
    """Results that cannot be compared stand in tables of their own, with what tells them apart; the best is
    bold.
    """
    one, two, three = (workdirs.make(tmp_path / name) for name in ('one', 'two', 'three'))
    workdirs.evaluate(one, 50, {'frechet_mnist': 9.0, 'coverage_mnist': 0.5})
    workdirs.evaluate(one, 100, {'frechet_mnist': 8.0, 'coverage_mnist': 0.5, 'kernel_mnist_std': 3.0})
    workdirs.evaluate(two, 100, {'frechet_mnist': 7.0, 'coverage_mnist': 0.25, 'kernel_mnist_std': 2.0})
    workdirs.evaluate(three, 100, {'frechet_mnist': 1.0}, fake=50)
    made = tables.results(runs.read([one, two, three]))
    assert '<b>7</b>' in made
    assert '<b>0.5</b>' in made
    assert '<b>1</b>' not in made  # alone in its table
    assert '<b>2</b>' not in made  # of a standard deviation neither end is better
    assert 'frechet_mnist ↓' in made
    assert 'coverage_mnist ↑' in made
    said = text_of(made)
    assert 'Not to be compared with protocol 1: fake 50, not 100.' in said
    assert 'all 3 evaluations' in said
    assert said.count('real data (50 and 50)') == 3  # of each run its own, as they differ


def test_runs_that_share_a_floor_share_its_row(tmp_path: Path) -> None:
    one, two = (workdirs.make(tmp_path / name) for name in ('one', 'two'))
    for run in (one, two):
        workdirs.evaluate(run, 100, {'frechet_mnist': 8.0})
    assert tables.results(runs.read([one, two])).count('real data') == 1


def test_names_tell_runs_apart(tmp_path: Path) -> None:
    assert runs.names([tmp_path / 'a', tmp_path / 'b']) == ['a', 'b']
    assert runs.names([tmp_path / 'x/a', tmp_path / 'y/a']) == ['x/a', 'y/a']
    assert runs.names([tmp_path / 'a']) == ['a']
    run = workdirs.make(tmp_path / 'run')
    (tmp_path / 'link').symlink_to(run)
    with pytest.raises(errors.GaxError, match='is given twice'):
        runs.read([run, tmp_path / 'link'])


def test_at_each_place_of_the_slider_a_run_shows_what_it_had_by_then(tmp_path: Path) -> None:
    one, two = workdirs.make(tmp_path / 'one', 100, 10), workdirs.make(tmp_path / 'two', 60, 30)
    shown = samples.shown(runs.read([one, two]))
    assert shown.steps == list(range(0, 101, 10))
    assert shown.at[0] == shown.steps
    assert shown.at[1] == [0, 0, 0, 30, 30, 30, *[60] * 5]
    assert list(shown.pictures[1]) == [0, 30, 60]
    assert shown.exact == [True, True]


def test_a_long_run_shows_twelve_pictures() -> None:
    assert samples.places(range(0, 1001)) == [0, 91, 182, 273, 364, 455, 545, 636, 727, 818, 909, 1000]
    assert samples.places([5, 9]) == [5, 9]
    assert samples.places([]) == []


def test_many_runs_show_fewer_pictures_each(tmp_path: Path) -> None:
    made = runs.read([workdirs.make(tmp_path / 'run', 40, 1)]) * 12
    assert [len(pictures) for pictures in samples.shown(made).pictures] == [5] * 12
    assert len(samples.shown(made * 10).steps) == 4


def decoded(uri: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(',')[2]))) as picture:
        return np.asarray(picture.convert('RGB'))


def test_grids_keep_every_pixel_at_half_the_size(tmp_path: Path) -> None:
    workdirs.make(tmp_path / 'run', 10, 10)
    path = tmp_path / 'run' / 'samples' / '0000010.png'
    encoded = samples.encode(path)
    assert encoded.exact
    with Image.open(path) as whole:
        np.testing.assert_array_equal(decoded(encoded.uri), np.asarray(whole.convert('RGB'))[::2, ::2])


def test_other_pictures_are_no_wider_than_the_widest(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 1000).astype(np.uint8)
    Image.fromarray(np.tile(ramp, (300, 1))).save(tmp_path / 'a.png')
    encoded = samples.encode(tmp_path / 'a.png')
    assert not encoded.exact
    made = decoded(encoded.uri)
    assert made.shape[:2] == (192, 640)
    assert np.abs(made[100, :, 0].astype(float) - np.linspace(0, 255, 640)).max() < 10


def test_warnings_of_training_are_repeated(tmp_path: Path) -> None:
    run = workdirs.make(tmp_path / 'run', 150)
    rows = [workdirs.row(step, **{'d/accuracy': 1.0}) for step in range(10, 151, 10)]
    (run / 'metrics.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    said = text_of(written(run))
    assert '2 warnings of run' in said  # the gradient of these rows vanishes, too
    assert "d/accuracy has been at 1.000 for 10 log lines: 'd' tells fakes from reals" in said


def test_where_no_page_can_be_written_is_said_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workdirs.make(tmp_path / 'run')
    monkeypatch.setattr(errors.os, 'access', lambda path, mode: False)
    monkeypatch.setattr(report, 'page', None)
    with pytest.raises(
        errors.GaxError, match=r'run/report.html: cannot write to the folder .*; give another --out'
    ):
        report.write([run])
