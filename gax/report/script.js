'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const hidden = new Set();

  // The slider: every run shows what it had made by that step.
  const slider = document.getElementById('slider');
  const figures = [...document.querySelectorAll('.gallery figure')];
  const show = () => {
    const place = Number(slider.value);
    document.getElementById('step').textContent = data.steps[place].toLocaleString('en-US');
    figures.forEach((figure, run) => {
      const step = data.at[run][place];
      const image = figure.querySelector('img');
      if (image && step !== null) {
        image.src = data.pictures[run][step];
        figure.querySelector('.at').textContent = 'step ' + step.toLocaleString('en-US');
      }
    });
  };
  if (slider) slider.addEventListener('input', show);

  // The buttons: a run is hidden, or shown again, everywhere.
  document.querySelectorAll('[data-toggle]').forEach((button) => {
    button.addEventListener('click', () => {
      const run = button.dataset.toggle;
      const shown = hidden.delete(run) || !hidden.add(run);
      button.setAttribute('aria-pressed', String(shown));
      document.querySelectorAll(`.run[data-run="${run}"]`).forEach((it) => it.classList.toggle('hidden', !shown));
    });
  });

  // The pointer over a panel: the values of every run at the step nearest to it.
  const tip = document.getElementById('tip');
  const [left, right, width] = data.plot;
  const nearest = (steps, step) => {
    let low = 0, high = steps.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle + 1; else high = middle;
    }
    return low > 0 && step - steps[low - 1] < steps[low] - step ? low - 1 : low;
  };
  const line = (svg) => svg.querySelector('.cursor') || svg.appendChild(
    Object.assign(document.createElementNS('http://www.w3.org/2000/svg', 'line'), {}));
  const leave = (svg) => {
    tip.hidden = true;
    const cursor = svg.querySelector('.cursor');
    if (cursor) cursor.remove();
  };
  const move = (svg, panel, event) => {
    const box = svg.getBoundingClientRect();
    const x = Math.min(right, Math.max(left, (event.clientX - box.left) / box.width * width));
    const step = (x - left) / (right - left) * data.last;
    const cursor = line(svg);
    Object.entries({ class: 'cursor', x1: x, x2: x, y1: 0, y2: svg.viewBox.baseVal.height - 24 })
      .forEach(([name, value]) => cursor.setAttribute(name, value));
    tip.replaceChildren();
    Object.entries(panel.runs).filter(([run]) => !hidden.has(run)).forEach(([run, [steps, values]]) => {
      const at = nearest(steps, step);
      const row = tip.appendChild(document.createElement('div'));
      const key = row.appendChild(document.createElement('span'));
      key.className = 'key';
      key.dataset.key = String(Number(run) % 8);
      const name = Object.keys(panel.runs).length > 1 ? `${data.runs[run]}: ` : '';
      row.append(`${name}${values[at]} at step ${steps[at].toLocaleString('en-US')}`);
    });
    tip.hidden = !tip.childElementCount;
    const room = window.innerWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(room, event.clientX + 14))}px`;
    tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 12)}px`;
  };
  document.querySelectorAll('.panel svg').forEach((svg, i) => {
    svg.addEventListener('pointermove', (event) => move(svg, data.panels[i], event));
    svg.addEventListener('pointerdown', (event) => move(svg, data.panels[i], event));
    svg.addEventListener('pointerleave', () => leave(svg));
  });
})();
