/** Archives and releases. */
import type { ProblemTable } from './table.js';

export const archivesProblems = {
  // Archives and releases
  'release-malformed': [400, 'this is not a release as the specification defines it', 'build and sign the app again'],
  'release-foreign': [
    403,
    "the release is not signed by this member's key",
    'sign it with the key that the membership credential names, or carry the rotation that leads to the new key',
  ],
  'release-forged': [403, 'the signature of the release does not verify', 'get the release again from its maker'],
  'archive-malformed': [
    400,
    'the archive does not have the one form that an archive of an app has',
    'make it with webizen app build and webizen app sign; a tar that another program repacked does not serve',
  ],
  'archive-truncated': [400, 'the archive ends early', 'get it again; the one at hand is not whole'],
  'archive-trailing': [400, 'there is more after the end of the archive', 'get it again from its maker'],
  'archive-too-large': [413, 'the archive is larger than an archive may be', 'make the image smaller'],
  'archive-entry-kind': [
    400,
    'the archive holds something that is not a plain file',
    'get it again from its maker; links, devices and directories have no place in an archive',
  ],
  'archive-path': [
    400,
    'a name in the archive leads outside of it',
    'do not use it, and tell its maker: no tool of ours writes such a name',
  ],
  'archive-entry-unknown': [
    400,
    'the archive holds a file that has no place in one',
    'make it with webizen app build and webizen app sign',
  ],
  'archive-entry-twice': [400, 'the archive holds the same file twice', 'get it again from its maker'],
  'archive-order': [
    400,
    'a file of the archive is missing or does not stand in its place',
    'make it with webizen app build and webizen app sign',
  ],
  'archive-entry-large': [413, 'a file of the archive is larger than its kind may be', 'get it again from its maker'],
  'archive-head': [
    400,
    'what the archive says of itself cannot be read',
    'make it with webizen app build and webizen app sign',
  ],
  'archive-index': [
    400,
    'the index of the archive names another image than the release',
    'do not use it, and tell its maker: the release does not stand for what is inside',
  ],
  'archive-reference': [
    400,
    'the archive tries to give its image a name on the box',
    'make it with webizen app build, which leaves names out',
  ],
  'archive-blob-unlisted': [400, 'the archive holds a blob that the release does not name', 'make it again'],
  'archive-blob-size': [400, 'a blob does not have the size that the release gives it', 'get the archive again'],
  'archive-blob-differs': [
    400,
    'the content of a blob is not the one that the release names',
    'get the archive again; it was damaged or changed on its way',
  ],
  'blob-missing': [
    409,
    'a blob of the image is neither here nor in the archive',
    'get the archive with all its blobs, or fetch the missing one from the catalogue',
  ],
  'image-malformed': [
    400,
    'the image does not have the form that an image of an app has',
    'build it as an OCI image (image-spec 1.1), and pack it with webizen app build',
  ],
  'image-differs': [
    400,
    'the manifest of the image names other blobs than the release',
    'do not use it, and tell its maker: the release does not stand for what is inside',
  ],
  'image-architecture': [
    409,
    'the image is made for another kind of machine',
    'get the release that is built for this architecture',
  ],
  'image-layer-kind': [
    400,
    'a layer of the image is of a kind that boxes do not take, or is to be fetched from elsewhere',
    'build the image with layers that are plain or gzipped tar, all of them inside',
  ],
  'image-volumes': [
    400,
    'the image declares volumes, which an app does not have',
    'build it without VOLUME; keep data by the storage of the standard API',
  ],
  'layer-malformed': [400, 'a layer of the image is not a tar that can be read', 'build the image again'],
  'layer-path': [
    400,
    'a name or a hard link in a layer leads outside of it',
    'do not use it, and tell its maker: no builder of images writes such a name',
  ],
  'layer-entry-kind': [
    400,
    'a layer holds a device, a pipe or another kind of file that an app does not need',
    'build the image without it',
  ],
  'layer-differs': [
    400,
    'the content of a layer is not the one that the configuration of the image names',
    'build the image again',
  ],
  'layer-too-large': [
    413,
    'the layers of the image are far larger unpacked than an image may be',
    'make the image smaller',
  ],
  'pack-refused': [400, 'a file cannot be packed into an image', 'mend what the detail names, then build again'],
} as const satisfies ProblemTable;
