/** One mail to an SMTP server (RFC 5321), with TLS unless the server is this machine. */
import type { NewAlertMail } from '#contract/alert-mail.js';
import type { Digest } from './digest.js';

export interface Sent extends Digest {
  settings: NewAlertMail;
  /** The same for the same words: who gets a mail twice sees it once. */
  messageId: string;
  /** Which deliveries it tells, apart by spaces. */
  deliveries: string;
  /** Milliseconds since 1970. */
  now: number;
  signal: AbortSignal;
}

/** Resolves when the server has taken it for everybody. @throws Error why not, in words */
export type SendMail = (sent: Sent) => Promise<void>;

const timeoutMilliseconds = 20_000;

export const sendMail: SendMail = async ({ settings, messageId, deliveries, subject, text, now, signal }) => {
  const { createTransport } = await import('nodemailer'); // only who sends mail needs it
  const { host, port, security, user, password, ca, from, to } = settings;
  const transport = createTransport({
    ...{ host, port, secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none' },
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    tls: { minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) },
    connectionTimeout: timeoutMilliseconds,
    greetingTimeout: timeoutMilliseconds,
    socketTimeout: timeoutMilliseconds,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const end = () => transport.close();
  signal.addEventListener('abort', end, { once: true });
  try {
    signal.throwIfAborted();
    const { rejected } = await transport.sendMail({
      ...{ from, to, subject, text, messageId, date: new Date(now) },
      headers: { 'Auto-Submitted': 'auto-generated', 'Webizen-Deliveries': deliveries },
    });
    // It was taken for the others: to send it again would tell them twice.
    if (rejected.length === to.length) throw new Error(`nobody of ${to.join(', ')} was taken`);
  } finally {
    signal.removeEventListener('abort', end);
    transport.close();
  }
};
