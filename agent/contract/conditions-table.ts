/**
 * Every condition that a box can find in itself: what it is called, and what whoever owns the box, or looks after it, does
 * about it. A provider shows kinds that it does not know by their evidence alone.
 */
export interface ConditionText {
  title: string;
  /** In the owner's words. */
  owner: string;
  operator: string;
}

export const conditionTable = {
  'disk-filling': {
    title: 'The disk is filling up',
    owner:
      'See on the pages of your apps which one keeps most. Delete what you no longer need, or get a larger disk in time.',
    operator: 'See which app grows. Tell the owner before it is full: a full disk stops apps from storing.',
  },
  'disk-full': {
    title: 'The disk is nearly full',
    owner: 'Delete what you no longer need, or remove an app. The box keeps a small reserve for itself.',
    operator: 'Ask the owner to make room. Apps are refused writes once the reserve is reached; reports go on.',
  },
  'inodes-low': {
    title: 'The disk can hold hardly any more files',
    owner: 'An app keeps very many small files. Remove one that you do not need.',
    operator: 'Bytes are free, inodes are not: find the app with many small files, or make the filesystem anew.',
  },
  'memory-low': {
    title: 'The memory is nearly full',
    owner: 'Stop an app that you do not need.',
    operator:
      'Compare the apps’ memory. An app that grows without end wants its maker; a box that is too small wants fewer apps.',
  },
  'memory-pressure': {
    title: 'The box waits for memory',
    owner: 'The box is slow because its memory is too small for what runs. Stop an app that you do not need.',
    operator: 'Work stands still for memory: swapping or reclaim. It wears the card out too. Reduce what runs.',
  },
  'disk-pressure': {
    title: 'The box waits for its disk',
    owner: 'Something reads or writes all the time. If it stays like this, stop apps one by one to see which it is.',
    operator: 'Work stands still for I/O: a dying card, or an app that writes without end. See disk errors and wear.',
  },
  busy: {
    title: 'The box is busy',
    owner:
      'Nothing to do if an app has much to work on. If it stays like this, stop apps one by one to see which it is.',
    operator: 'Compare the apps’ CPU time. Nothing is lost; answers are slow.',
  },
  hot: {
    title: 'The box is hot',
    owner: 'Give it air, keep it out of the sun, and look whether its fan turns.',
    operator: 'Ask for where it stands and for its fan. Above 85 °C boards slow down or switch off.',
  },
  'under-voltage': {
    title: 'The power supply is too weak',
    owner: 'Use the power supply that came with the box, and a short, thick cable. Unplug devices that the box feeds.',
    operator: 'Have the power supply replaced: low voltage corrupts cards. The mark stays until the box was restarted.',
  },
  throttled: {
    title: 'The box has slowed itself down',
    owner: 'It protects itself from heat or a weak power supply. See to those, and it is quick again.',
    operator: 'The firmware limits the clock: see temperature and voltage.',
  },
  'sd-wearing': {
    title: 'The memory card is wearing out',
    owner: 'Save what your apps keep, and have the card replaced before it fails.',
    operator: 'Send a new card or box. The estimate is the card’s own, in steps of a tenth.',
  },
  'disk-errors': {
    title: 'The disk makes errors',
    owner: 'Save what your apps keep now, and ask your provider about a new disk or card.',
    operator:
      'The kernel counts errors of filesystem or disk. Replace it; after a power cut alone, a check of the filesystem clears it.',
  },
  'clock-untrusted': {
    title: 'The box does not know the time',
    owner: 'It learns it from its provider. Look at your internet connection if it stays like this.',
    operator:
      'Reports wait until the box knows the time. See whether it reaches the EST server, and whether that server’s own clock is right.',
  },
  'clock-off': {
    title: 'The clock that apps see is wrong',
    owner:
      'The box itself goes by the right time; apps may show a wrong one. Restart the box, and tell your provider if it stays.',
    operator: 'The system’s clock differs from the provider’s time: see to NTP on the box’s network.',
  },
  'wifi-weak': {
    title: 'The Wi-Fi is weak',
    owner: 'Move the box or the router closer, or use a cable.',
    operator: 'Expect gaps and slow updates. A cable or another place helps.',
  },
  'network-errors': {
    title: 'The network connection makes errors',
    owner: 'Try another cable or another socket of your router.',
    operator: 'The interface counts errors: cable, port or adapter.',
  },
  'app-crash-looping': {
    title: 'An app keeps ending',
    owner: 'The box starts it again each time. If it stays like this, stop it, and ask whoever made it.',
    operator: 'See the app’s release and whether other boxes have the same: pause its rollout, tell its maker.',
  },
  'agent-slow': {
    title: 'The box’s own software is slow',
    owner: 'Usually something else keeps the box busy. Restart it if it stays like this.',
    operator: 'The agent’s event loop stands still for seconds: see pressure and load, and restart the agent.',
  },
  'restarted-unexpectedly': {
    title: 'The box was cut off from power, or crashed',
    owner:
      'Nothing to do if the power was out or somebody pulled the plug. Tell your provider if it happens again and again.',
    operator:
      'It went down without ending in good order. Once is a power cut; again and again is the supply, the board or the kernel.',
  },
  'certificate-late': {
    title: 'The certificate was not renewed in time',
    owner: 'The box tries again by itself. Tell your provider if it stays like this.',
    operator:
      'Renewal is refused or the EST server is not reached: see the box’s refusals. Without a certificate it cannot report.',
  },
  'safe-mode': {
    title: 'The box runs in safe mode, without apps',
    owner: 'Its software ended again and again. See on the first page what can be done.',
    operator:
      'The agent ended again and again and was started without apps. See the event for its last error and the app it had started last; an update, or stopping that app, may help.',
  },
} as const satisfies Record<string, ConditionText>;

export type ConditionKind = keyof typeof conditionTable;

/** Undefined for the kinds of a later version. */
export const conditionText = (kind: string): ConditionText | undefined =>
  Object.hasOwn(conditionTable, kind) ? conditionTable[kind as ConditionKind] : undefined;
