import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style-frame.css';
import './style-forms.css';
import './style-pages.css';
import './style-fleet.css';
import './style-watch.css';
import './style-small.css';
import { App } from './app.js';
import { createLive } from './live.js';

const place = document.getElementById('app');
if (place) {
  const live = createLive();
  place.replaceChildren();
  render(<App live={live} />, place);
  live.start();
}
