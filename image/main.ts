/** `make image` and its like: the only file here that reads the command line and the environment. */
import { version as agentVersion } from '#common/version.js';
import { buildImage, prepare } from './build.js';
import { PackageGone } from './fetch.js';
import { lock } from './lock.js';
import { type Architecture, architectures } from './places.js';
import { makePublisher } from './publisher.js';

const help = `image build ARCHITECTURE      into build/image/ARCHITECTURE
image prepare ARCHITECTURE    fetch the locked packages and make Debian's part; ends with 3 where the archive holds one no longer
image lock ARCHITECTURE       resolve the lists of packages against the archive of today
image publisher DIR NAME      make the key of an image publisher, in a new directory

ARCHITECTURE is ${architectures.join(' or ')}. ALLIANCE=DIR has keys.json and directory.jws, PUBLISHER=DIR is what
image publisher made: without them, ones to develop with are made. VERSION=1.2.3 is the system's, as updates know it.
`;

function architectureOf(name: string | undefined): Architecture {
  const found = architectures.find((one) => one === name);
  if (found === undefined) throw new Error(`cannot build for ${name}: it is ${architectures.join(' or ')}`);
  return found;
}

let [began, before] = [Date.now(), ''];
/** A step begins; what the one before took. */
function tell(step: string): void {
  if (before) process.stdout.write(`${before} ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
  [began, before] = [Date.now(), step];
}

async function main([command, first, second]: string[]): Promise<void> {
  if (command === 'lock') {
    const { packages } = lock(architectureOf(first));
    const megabytes = packages.reduce((sum, one) => sum + one.sizeBytes, 0) / 1e6;
    process.stdout.write(`${packages.length} packages, ${megabytes.toFixed(0)} MB\n`);
  } else if (command === 'publisher' && first !== undefined && second !== undefined) {
    await makePublisher(first, second);
  } else if (command === 'prepare') {
    await prepare(architectureOf(first), tell).catch((error: unknown) => {
      if (!(error instanceof PackageGone)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 3;
    });
    tell('');
  } else if (command === 'build') {
    const { ALLIANCE: alliance, PUBLISHER: publisher, VERSION: version = agentVersion } = process.env;
    process.stdout.write(
      `${await buildImage({ architecture: architectureOf(first), version, complete: true, alliance, publisher, tell })}\n`,
    );
  } else {
    process.stderr.write(help);
    process.exitCode = 2;
  }
}

await main(process.argv.slice(2));
