"""The page in a real browser, where there is one: no error, and whatever can be touched does what it should.

python -m pytest -m slow tests/report/test_report_browser.py
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from gax import report
from tests.helpers import workdirs

BROWSER = next(
    filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), ''
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason='no chromium or chrome is installed'),
]

# Runs in the page itself, after its own script; what it finds becomes an element that the dumped DOM shows.
PROBE = """
<script>
const found = {}, gallery = [...document.querySelectorAll('.gallery img')], slider = document.getElementById('slider');
const say = () => gallery.map((image) => [image.src, image.closest('figure').querySelector('.at').textContent]);
const shows = (run) => [...document.querySelectorAll(`.run[data-run="${run}"]`)].map((it) => it.getClientRects().length > 0);
window.addEventListener('load', () => Promise.all(gallery.map((image) => image.decode())).then(() => {
  found.sizes = gallery.map((image) => [image.naturalWidth, image.naturalHeight]);
  found.last = say();
  slider.value = 0;
  slider.dispatchEvent(new Event('input'));
  found.first = say();
  found.step = document.getElementById('step').textContent;
  found.before = shows(1);
  document.querySelector('[data-toggle="1"]').click();
  found.hidden = shows(1);
  document.querySelector('[data-toggle="1"]').click();
  found.again = shows(1);
  const svg = document.querySelector('.panel svg'), box = svg.getBoundingClientRect(), tip = document.getElementById('tip');
  const at = { clientX: box.left + box.width * 0.97, clientY: box.top + 50, bubbles: true };
  svg.dispatchEvent(new PointerEvent('pointermove', at));
  found.tip = [tip.hidden, tip.innerText, getComputedStyle(tip).display];
  svg.dispatchEvent(new PointerEvent('pointerleave', at));
  found.left = [tip.hidden, getComputedStyle(tip).display];
  found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  found.paper = getComputedStyle(document.body).backgroundColor;
  found.lines = [...document.querySelectorAll('.panel polyline')].slice(0, 2).map((it) => getComputedStyle(it).stroke);
}).catch((error) => { found.error = String(error); }).finally(() => {
  const out = document.body.appendChild(document.createElement('pre'));
  out.id = 'found';
  out.textContent = JSON.stringify(found);
}));
</script>
</body>
"""


def browse(page: Path, profile: Path, *options: str) -> dict:
    """What the probe finds. Fails where the browser's console says anything."""
    probed = page.with_name('probed.html')
    probed.write_text(page.read_text(encoding='utf-8').replace('</body>', PROBE), encoding='utf-8')
    command = [
        BROWSER,
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        f'--user-data-dir={profile}',
        *options,
    ]
    command += ['--enable-logging=stderr', '--virtual-time-budget=5000', '--dump-dom', probed.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert 'CONSOLE' not in done.stderr, done.stderr
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    answer = json.loads(unescape(found[1]))
    assert 'error' not in answer, answer
    return answer


@pytest.fixture
def page(tmp_path: Path) -> Path:
    one, two = workdirs.make(tmp_path / 'one'), workdirs.make(tmp_path / 'two', 200, 20)
    for step in (20, 40):
        workdirs.evaluate(one, step, {'frechet_mnist': 100.0 / step})
    return report.write([one, two], tmp_path / 'page.html')


def test_what_can_be_touched(page: Path, tmp_path: Path) -> None:
    found = browse(page, tmp_path / 'profile', '--window-size=1280,900')
    assert found['sizes'] == [[19, 19], [19, 19]]
    assert [text for _, text in found['last']] == ['step 100', 'step 200']
    assert [text for _, text in found['first']] == ['step 0', 'step 0']
    assert found['step'] == '0'
    for (last, _), (first, _) in zip(found['last'], found['first'], strict=True):
        assert last != first
    assert any(found['before'])
    assert not any(found['hidden'])
    assert found['again'] == found['before']
    assert found['tip'][0] is False
    assert '2.5 at step 40' in found['tip'][1]
    assert found['left'] == [True, 'none']
    assert found['wide'] <= 0


@pytest.mark.parametrize('width', [500, 1280])
def test_light_dark_and_narrow(width: int, page: Path, tmp_path: Path) -> None:
    """The page never scrolls sideways as a whole; paper and lines follow the scheme that the reader
    prefers.
    """
    papers = {}
    for scheme, value in (('dark', 0), ('light', 1)):
        found = browse(
            page,
            tmp_path / scheme,
            f'--window-size={width},900',
            f'--blink-settings=preferredColorScheme={value}',
        )
        assert found['wide'] <= 0
        papers[scheme] = found['paper'], *found['lines']
    assert papers['dark'][0] == 'rgb(13, 17, 23)'
    assert papers['light'][0] == 'rgb(255, 255, 255)'
    assert papers['dark'][1] != papers['light'][1]
