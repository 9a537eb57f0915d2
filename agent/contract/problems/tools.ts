/** What a VAR's tools refuse. */
import type { ProblemTable } from './table.js';

export const toolsProblems = {
  // A VAR's tools: the member's key, an app on its way to a release
  'key-exposed': [
    403,
    'the key file can be read by others',
    'make it yours alone (chmod 600); where others may have read it already, change the key: webizen member rotate',
  ],
  'member-folder-taken': [
    409,
    'there is a key in this folder already',
    'name another folder, or change the key that is there: webizen member rotate',
  ],
  'member-folder-missing': [
    404,
    'there is no key of a member here',
    'make one with webizen member request, or name its folder with --member',
  ],
  'membership-missing': [
    409,
    'no credential of a territory is kept here yet',
    "send the request to the territory's provider, and keep its answer with webizen member accept",
  ],
  'credential-for-another-key': [
    409,
    'this credential is for another key',
    'ask the provider for one for the key in this folder: webizen member show names it',
  ],
  'rotation-pending': [
    409,
    'the next key waits for its credential',
    'send the next request and rotation to the provider, and accept its answer; or remove next.key to begin again',
  ],
  'manifest-faulty': [400, 'the manifest has faults', 'mend what is listed, then check again'],
  'app-folder-taken': [409, 'there is something in this folder already', 'name a folder that is new or empty'],
  'app-empty': [409, 'there is nothing to build', 'put what the app runs into its folder app/'],
  'app-not-built': [409, 'the app has not been built', 'build it with webizen app build'],
  'app-not-signed': [409, 'the app has not been signed since it was built', 'sign it with webizen app sign'],
  'app-unpublished': [404, 'nothing has been published under this id', 'publish a release with webizen app publish'],
  'base-invalid': [
    400,
    'this is not a base layer',
    'make one with webizen app base, or take the one your territory offers',
  ],
  'oci-archive-invalid': [
    400,
    'this archive holds no image that can be used',
    'write it with podman save --format oci-archive, docker buildx --output type=oci or buildah push oci-archive:',
  ],
  'catalogue-unnamed': [
    400,
    'it is not known which catalogue is meant',
    "give its address with --catalogue and the territory's root certificate with --ca",
  ],
  'catalogue-unreachable': [
    503,
    'the catalogue does not answer',
    'try again: what it holds already is not sent twice; compare its address and root certificate',
  ],
  'catalogue-refused': [
    502,
    'the catalogue refused in words not known here',
    'read the detail; a newer release of this tool may know more',
  ],
} as const satisfies ProblemTable;
