/** The parts of systeminformation, which publishes the types of the whole alone. */
declare module 'systeminformation/lib/osinfo.js' {
  export { osInfo } from 'systeminformation';
}
declare module 'systeminformation/lib/system.js' {
  export { system } from 'systeminformation';
}
