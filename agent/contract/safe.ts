/** Safe mode: a start without apps, after starts that did not last. */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

export const SafeReason = Type.Union([
  Type.Literal('crashes', { description: 'starts in a row within one boot of the machine' }),
  Type.Literal('boots', { description: 'boots in a row in which none lasted' }),
  Type.Literal('again', { description: 'the first start after safe mode' }),
]);
export type SafeReason = Static<typeof SafeReason>;

/** What ended a start: `error` is told by the agent itself, the others by systemd (systemd.exec(5), SERVICE_RESULT). */
export const StartEnd = Type.Union([
  Type.Literal('error'),
  Type.Literal('watchdog', { description: 'it stood still' }),
  Type.Literal('out-of-memory'),
  Type.Literal('killed'),
  Type.Literal('timeout', { description: 'it was not ready in time' }),
]);
export type StartEnd = Static<typeof StartEnd>;

/** Of the last start that did not last. */
export const StartFault = Type.Object({
  end: Type.Union([StartEnd, Type.Null()], { description: 'null: nobody knows, as after a power cut' }),
  error: Type.Union([Type.String({ maxLength: 300 }), Type.Null()], { description: 'its last words' }),
  app: Type.Union([Type.String({ maxLength: 64 }), Type.Null()], { description: 'which app it had started last' }),
});
export type StartFault = Static<typeof StartFault>;

export const SafeView = Type.Object(
  {
    reason: SafeReason,
    count: Type.Integer({ minimum: 1, description: 'of the starts, or boots, that led here' }),
    fault: StartFault,
    since: Time,
    /** When the box tries by itself to start as usual. */
    triesAt: Time,
  },
  { $id: 'SafeView' },
);
export type SafeView = Static<typeof SafeView>;
