/** `make image` and its like: the only file here that reads the command line and the environment. */
import { version as agentVersion } from '#common/version.js';
import { buildImage } from './build.js';
import { lock } from './lock.js';
import { type Architecture, architectures } from './places.js';
import { makePublisher } from './publisher.js';

const help = `image build ARCHITECTURE      into build/image/ARCHITECTURE
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

async function main([command, first, second]: string[]): Promise<void> {
  if (command === 'lock') {
    const { packages } = lock(architectureOf(first));
    const megabytes = packages.reduce((sum, one) => sum + one.sizeBytes, 0) / 1e6;
    process.stdout.write(`${packages.length} packages, ${megabytes.toFixed(0)} MB\n`);
  } else if (command === 'publisher' && first !== undefined && second !== undefined) {
    await makePublisher(first, second);
  } else if (command === 'build') {
    let [began, before] = [Date.now(), ''];
    const tell = (step: string): void => {
      if (before) process.stdout.write(`${before} ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
      [began, before] = [Date.now(), step];
    };
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
