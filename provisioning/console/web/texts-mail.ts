/** What the panel of alerts by e-mail says. */
import { span } from './format.js';

export const mailTexts = {
  heading: 'E-mail',
  none: 'No mail is sent. What fires is only shown here and posted to the webhooks.',
  set: 'Send mail',
  form: 'Alerts by e-mail',
  host: 'Mail server',
  port: 'Port',
  security: 'Security',
  securities: {
    starttls: 'STARTTLS (587)',
    tls: 'TLS (465)',
    none: 'none, a server on this machine',
  },
  user: 'User',
  password: 'Password',
  passwordKept: 'Leave it empty to keep the one that is set.',
  from: 'From',
  to: 'To',
  toHint: 'One or more addresses, apart by commas.',
  every: 'Seconds between two mails, at least',
  everyHint: 'What fires meanwhile is in the next one: a storm is one mail.',
  through: (host: string, port: number, every: number) =>
    `through ${host}:${port}, at most one in ${span(every * 1000)}`,
  waiting: (n: number) => (n === 1 ? 'One thing waits for the next mail' : `${n} things wait for the next mail`),
  last: 'Last mail',
  test: 'Send a test mail',
  tested: 'The server took it. Look whether it arrived.',
  editNamed: 'Edit the mail settings',
  removeNamed: 'Remove the mail settings',
  removeAsk: 'Nobody is mailed any more. The password is forgotten.',
};
