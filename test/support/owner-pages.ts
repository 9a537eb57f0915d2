/** The owner's pages in real Chromium: opened, looked at, and led through the first of them. */
import { mkdir, readFile } from 'node:fs/promises';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';

export const shots = 'build/screenshots';
export const sizes = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 900 } };
export type View = { width: number; height: number };
export type Size = keyof typeof sizes;

interface Teardown {
  teardown(work: () => unknown): void;
}

export async function launch(t: Teardown): Promise<Browser> {
  await mkdir(shots, { recursive: true });
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP *.local 127.0.0.1',
    ],
  });
  t.teardown(() => browser.close());
  return browser;
}

/** What the debugger evaluates counts as somebody's act in Chromium; here only keys and pointers do, as for a person. */
const acts = `{
  let hasBeenActive = false;
  for (const kind of ['keydown', 'pointerdown']) addEventListener(kind, () => { hasBeenActive = true; }, true);
  Object.defineProperty(navigator, 'userActivation', { get: () => ({ hasBeenActive, isActive: hasBeenActive }) });
}`;

export async function openPage(browser: Browser, url: string, viewport: View): Promise<Page> {
  const context = await browser.newContext({ viewport, timezoneId: 'Australia/Sydney', ignoreHTTPSErrors: true });
  context.setDefaultTimeout(20_000); // well below tap's, so that a failure names what it waited for
  const page = await context.newPage();
  await page.addInitScript(acts);
  await page.goto(url);
  return page;
}

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Injected by the debugger, so that the content security policy stays as strict as it is. */
export async function violations(page: Page, rules: 'all' | 'color-contrast' = 'all'): Promise<string[]> {
  await page.evaluate(await readFile('node_modules/axe-core/axe.min.js', 'utf8'));
  const only = rules === 'all' ? '' : ', { runOnly: ["color-contrast"] }';
  const result = await page.evaluate<{ violations: Violation[] }>(`axe.run(document${only})`);
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

export const overflow = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
export const heading = (page: Page, name: string | RegExp, timeout?: number) =>
  page.getByRole('heading', { level: 1, name }).waitFor(timeout === undefined ? {} : { timeout });
export async function signIn(page: Page, passphrase: string): Promise<void> {
  const field = page.getByLabel('Passphrase', { exact: true });
  await field.fill(passphrase);
  await press(page, 'Sign in');
  await field.waitFor({ state: 'detached' });
}

/** What setting up asks of a new owner, answered without looking at its pages. The session is the page's. */
export const passSetup = (page: Page): Promise<unknown> =>
  page.evaluate(`(async () => {
    const send = (path, method, body) =>
      fetch(path, { method, ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    await send('/v1/recovery-code/saved', 'POST');
    await send('/v1/jurisdiction', 'PUT', { jurisdiction: 'AU-NSW' });
    await send('/v1/setup/done', 'POST');
  })()`);

export const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).click();

/** Answers what looks at a page, keeps a picture of it, and says what is wrong with it. */
export function looker(test: Test, page: Page, size: Size, prefix: string) {
  return async (name: string): Promise<void> => {
    // One set of tokens serves both sizes: the dark one is looked at once.
    for (const colorScheme of size === 'phone' ? (['light'] as const) : (['light', 'dark'] as const)) {
      await page.emulateMedia({ colorScheme });
      const found = await violations(page, colorScheme === 'light' ? 'all' : 'color-contrast');
      test.same(found, [], `${name}, ${size}, ${colorScheme}: axe finds nothing`);
      const file = `${shots}/${prefix}-${name}-${size}-${colorScheme}.png`;
      await page.screenshot({ path: file, fullPage: true, caret: 'initial' });
    }
    test.ok((await overflow(page)) <= 0, `${name}, ${size}: nothing sticks out sideways`);
  };
}

/** From the code to the cards; `look` sees each page on the way. Answers the recovery code. */
export async function toElection(
  page: Page,
  wish: { setupCode: string; passphrase: string; look?: (name: string) => Promise<void> },
): Promise<string> {
  const look = wish.look ?? (async () => {});
  await heading(page, 'Enter the code on the label of your box.');
  await look('1-code');
  await page.getByLabel('Code on the label').fill(wish.setupCode);
  await press(page, 'Continue');
  await page.getByLabel('Passphrase', { exact: true }).fill(wish.passphrase);
  await look('2-passphrase');
  await press(page, 'Continue');
  await heading(page, 'Write down your recovery code.');
  await look('3-recovery');
  const code = (await page.locator('[data-code]').textContent()) ?? '';
  await page.getByLabel('Type the last four characters').fill(code.slice(-4));
  await press(page, 'I have it');
  await page.getByLabel('Country').fill('austral');
  await page.getByLabel('State, province or region').fill('nsw');
  await look('4-place');
  await press(page, 'Continue');
  await heading(page, 'Who shall look after your box?');
  await look('5-choose');
  return code;
}
