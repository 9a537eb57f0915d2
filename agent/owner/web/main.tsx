import { render } from 'preact';
import './style-frame.css';
import './style-forms.css';
import './style-pages.css';
import './style-apps.css';
import { App } from './app.js';
import { createLive } from './live.js';

const place = document.getElementById('app');
if (place) {
  const live = createLive();
  place.replaceChildren();
  render(<App live={live} />, place);
  live.start();
}
