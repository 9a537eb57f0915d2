/** Messages between an app and its maker's servers: what box, provider and either end refuse. */
import type { ProblemTable } from './table.js';

export const messagesProblems = {
  // At the box, to apps
  'messages-unreleased': [
    409,
    'this app is no installed release with a key for messages, so there is nobody to write to',
    'name the key of your server in the manifest, publish the app and install the release',
  ],
  'outbox-full': [
    507,
    'as many messages of this app wait to be sent as may, or of all apps together',
    'wait until some have gone or expired, and send fewer or smaller ones; what waits is kept',
  ],
  'message-names-full': [
    507,
    'this app has used as many names for messages as one app may',
    'use a name again: it says what a message is about, what differs belongs into the body',
  ],
  'message-unknown': [
    404,
    'no message of this id waits here',
    'list the messages; this one was deleted, or has expired',
  ],
  'messages-waits-too-many': [
    429,
    'this app waits for messages in as many calls as one app may',
    'wait in one call, or listen to the events',
  ],

  // Between box and provider
  'message-refused': [
    502,
    'the other side refused the message for a reason that is not known here',
    'bring both sides up to date',
  ],
  'message-expired': [
    410,
    'the message was not delivered within its life, and was given up',
    'send it again if it still matters, with a longer life',
  ],
  'message-app-unknown': [
    404,
    'nobody here answers for the app that the message is of',
    'have the app published in the territory of the box',
  ],
  'mailbox-full': [
    507,
    "the provider keeps as many messages for the app's maker, or of this box, as it may",
    'have the maker fetch and acknowledge its messages; what waits on the box is kept and sent later',
  ],
  'message-too-large': [413, 'the message is larger than can be carried', 'send a smaller one, or several'],

  // At the provider, to members
  'message-box-unknown': [
    404,
    'no box of this id has sent a message of this app',
    'write to a box that has written: its id stands in its messages',
  ],
  'message-id-used': [409, 'another message was sent with this id before', 'give each message a random id of its own'],
  'inbox-full': [
    507,
    'as many messages wait for this box, or on it for the app, as may',
    'wait until the box is online and the app has read some',
  ],

  // At either end, of what was carried
  'message-unreadable': [
    400,
    'the message is not encrypted to a key that is held here, or was altered on the way',
    'encrypt to the key that the newest message of the box names, or that the manifest names',
  ],
  'message-forged': [
    400,
    'the message is not signed by who it says it is from',
    'sign with the key of the box, or with the key that the app is bound to, its rotations in the header',
  ],
  'message-misdirected': [
    400,
    'the message was made for another box, app, name or key than it arrived at',
    'tell the provider: it was delivered to the wrong place',
  ],
  'message-replayed': [
    409,
    'this message, or a later one of its stream, was received before',
    'nothing: it was received once',
  ],
  'message-untimely': [
    400,
    'the message says that it is from another time than now',
    'put the clock of the sender right',
  ],
} as const satisfies ProblemTable;
