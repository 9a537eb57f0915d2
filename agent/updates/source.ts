/** The territory's catalogue of systems, as a box asks for it: by mutual TLS, with its own path validation of the server. */
import {
  bodyOf,
  type CheckedAnswer,
  cutAnswer,
  getChecked,
  keepConnections,
  postChecked,
  refusalOf,
} from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import { octetsOf, rangeFrom } from '#common/octets.js';
import type { Moment } from '#common/pki/path.js';
import { largestOsRelease, OsSelection, osPath } from '#contract/os-release.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { OsSource } from './updates.js';

const timeoutMilliseconds = 30_000;
const who = 'the catalogue of systems';
/** The kernel asks for some parts at once. */
const mostConnections = 4;

export function createOsSource(wish: {
  /** @throws Refusal `not-a-member` */
  access: () => Promise<{ est: URL; trust: Trust; identity: ClientIdentity }>;
  moment: () => Moment;
  signal: AbortSignal;
}): OsSource {
  async function to(place: string, signal: AbortSignal) {
    const { est, trust, identity } = await wish.access();
    return { url: new URL(`${osPath}/${place}`, est), trust, identity, at: wish.moment(), signal, timeoutMilliseconds };
  }

  /** @throws Refusal as the provider says, unless it is a success */
  async function good(answer: CheckedAnswer): Promise<CheckedAnswer> {
    if (answer.status >= 200 && answer.status < 300) return answer;
    try {
      throw await refusalOf(answer, who);
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      answer.body.destroy();
    }
  }

  return {
    async selected(json) {
      const { status, body } = await good(await postChecked({ ...(await to('selected', wish.signal)), json }));
      try {
        if (status === 204) return undefined;
        const read = parseJson(OsSelection, await bodyOf(body, 2 * largestOsRelease));
        if (!read.ok) throw new Refusal('est-protocol', `${who}: ${describeFaults(read.faults)}`);
        return read.value;
      } catch (error) {
        throw cutAnswer(error);
      } finally {
        body.destroy();
      }
    },
    octets: (sha256) => async (from, signal) => {
      const wanted = await to(`bundles/${sha256}`, AbortSignal.any([signal, wish.signal]));
      return octetsOf(await good(await getChecked({ ...wanted, headers: rangeFrom(from) })), from, who);
    },
    pieces({ sha256, size }) {
      const kept = keepConnections({
        async access() {
          const { trust, identity } = await wish.access();
          return { trust, identity, at: wish.moment() };
        },
        most: mostConnections,
        timeoutMilliseconds,
      });
      return {
        async read(first, end, signal) {
          const { est } = await wish.access();
          const url = new URL(`${osPath}/bundles/${sha256}`, est);
          const range = `${first}-${end - 1}`;
          const { status, headers, body } = await good(await kept.get(url, { Range: `bytes=${range}` }, signal));
          try {
            if (status !== 206 || headers['content-range'] !== `bytes ${range}/${size}`)
              throw new Refusal(
                'est-protocol',
                `${who} gave ${status} ${headers['content-range']} for ${range}/${size}`,
              );
            const bytes = await bodyOf(body, end - first);
            if (bytes.length !== end - first)
              throw new Refusal('est-protocol', `${who} gave ${bytes.length} of ${range}`);
            return bytes;
          } catch (error) {
            body.destroy();
            throw cutAnswer(error);
          }
        },
        close: kept.close,
      };
    },
  };
}
