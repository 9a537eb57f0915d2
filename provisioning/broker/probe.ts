/** Asks a broker to let somebody in, and leaves again at once. */
import mqtt from 'mqtt';

/** PEM; the certificate's name is the client id. */
export interface Pass {
  key: string;
  cert: string;
}

const patience = 3000;

/**
 * Resolves with undefined when the broker lets this certificate in, else with why not. A session that the same name had
 * is over when it resolves, and what the broker kept for it is gone (MQTT 3.1.1 sections 3.1.2.4 and 3.1.4).
 */
export function probe(
  url: string,
  { key, cert }: Pass,
  ca: string | string[],
  name?: string,
): Promise<string | undefined> {
  const client = mqtt.connect(url, {
    ...{ key, cert, ca, clean: true, protocolVersion: 4, reconnectPeriod: 0, connectTimeout: patience },
    // mosquitto takes both from the certificate, and minds no other value; other brokers want them to agree.
    ...(name === undefined ? {} : { clientId: name, username: name }),
  });
  return new Promise((resolve) => {
    let why: string | undefined = 'it closed the connection';
    let isIn = false;
    client.on('error', (error) => {
      if (!isIn) why = error.message;
      client.end(true);
    });
    client.once('connect', () => {
      isIn = true;
      why = undefined;
      client.end();
    });
    client.once('close', () => resolve(why));
  });
}
