/** The pages about the machine and who looks after it, which are loaded together. */
export { Backup } from './backup.js';
export { Network } from './network.js';
export { Provider } from './provider.js';
export { Restore } from './restore.js';
export { StoragePage } from './storage.js';
export { System } from './system.js';
