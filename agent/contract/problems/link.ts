/** What is refused on MQTT. */
import type { ProblemTable } from './table.js';

export const linkProblems = {
  // The link (MQTT)
  'client-id-taken': [
    403,
    'the MQTT client id or user name is not the box id in the certificate',
    'use the common name of the certificate as client id and as user name',
  ],
  'publish-outside': [
    403,
    'a box publishes only under its own up/ topics',
    'publish under wz/1/{shard}/{box}/up/ with the topics of the contract',
  ],
  'retain-refused': [403, 'only status and reported may be retained', 'clear the retain flag'],
  'qos-refused': [403, 'QoS 2 is not offered', 'use QoS 1'],
  'subscribe-outside': [
    403,
    'a box subscribes only under its own down/ topics',
    'subscribe under wz/1/{shard}/{box}/down/',
  ],
  'packet-malformed': [
    400,
    'what came is not well-formed MQTT 3.1.1',
    'speak MQTT as OASIS mqtt-v3.1.1 defines it; check the client library',
  ],
  'mqtt-version': [
    400,
    'the broker does not speak this version of MQTT',
    'use the version that protocolVersion in the profile names',
  ],
  'packet-too-large': [413, 'an MQTT packet is larger than the broker takes', 'send smaller batches'],
  'packet-unfinished': [408, 'an MQTT packet did not arrive whole in time', 'send whole packets; check the line'],
  'packet-rate': [
    429,
    'more packets or bytes came than the broker takes from one box',
    'slow down; batch what can wait',
  ],
  'session-rate': [
    429,
    'a box begins sessions more often than the broker takes from one',
    'wait longer after each attempt; if the box does not stop, revoke it',
  ],
  'unread-backlog': [429, 'the box does not read what the broker sends', 'read what arrives, or subscribe to less'],
  'message-malformed': [
    400,
    'a message does not have the shape that the contract gives',
    'compare the payload with the published schema',
  ],
  'message-unexpected': [
    400,
    'this provider has no use for messages of this kind',
    'keep the message aside; send it when the provider asks for it',
  ],
  'publish-refused': [
    403,
    'the broker ended the session at this message, again and again',
    "see the provider's events for the reason; the message is kept aside and not sent again",
  ],
  'link-refused': [403, "the provider's broker refused this box", "see the provider's events for the reason"],
  'link-unreachable': [
    503,
    "the provider's broker cannot be reached",
    'nothing needs doing: reports are kept and sent later; check the network if it stays',
  ],
} as const satisfies ProblemTable;
