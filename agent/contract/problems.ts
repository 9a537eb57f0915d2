/**
 * One table of everything that can be refused, on either side: code, status, sentence, remedy.
 * A code never changes its meaning; a new refusal gets a new code.
 */
import { type Static, Type } from 'typebox';

const table = {
  // Any HTTP side
  'not-found': [404, 'there is nothing at this address', 'compare the path with the published specification'],
  'method-not-allowed': [405, 'this address does not take this method', 'use one of the methods in the Allow header'],
  'body-malformed': [400, 'the body is not well-formed JSON', 'send JSON as RFC 8259 defines it, in UTF-8'],
  'body-invalid': [
    400,
    'the request does not have the shape that the specification gives',
    'mend the fields that the detail names',
  ],
  'body-too-large': [413, 'the body is larger than this address takes', 'send a smaller body, or split it'],
  'body-timeout': [408, 'the request did not arrive in time', 'send the whole request within the stated time'],
  'headers-too-large': [431, 'the request headers are larger than the limit', 'send fewer or shorter headers'],
  'request-malformed': [400, 'the request is not well-formed HTTP', 'send HTTP/1.1 as RFC 9112 defines it'],
  'upgrade-refused': [400, 'this address does not change protocols', 'send plain HTTP/1.1 requests'],
  'media-type-unsupported': [
    415,
    'this address does not take that content type',
    'send the content type that the specification names',
  ],
  internal: [
    500,
    'something went wrong on this side',
    'try again; if it stays, report it with the time of the request',
  ],
  unavailable: [503, 'this part is starting or stopping', 'try again in a few seconds'],

  // Standard API
  'grant-missing': [
    403,
    'the owner has not granted this app the permission that this call needs',
    'ask the owner to grant the permission named in the detail',
  ],
  'quota-exceeded': [
    507,
    'the app would use more storage than its quota',
    'delete entries that are no longer needed, or ask the owner for a larger quota',
  ],
  'disk-full': [
    507,
    'the disk of this machine is too full to write safely',
    'free some space on the disk; everything stored so far is kept',
  ],
  'key-invalid': [
    400,
    'the storage key is empty, longer than 512 bytes, or not UTF-8',
    'use a key of 1 to 512 bytes of UTF-8, with a slash as %2F',
  ],
  'key-not-found': [404, 'nothing is stored under this key', 'store a value first, or list the keys with their prefix'],
  'precondition-failed': [
    412,
    'the stored value is not the one the condition names',
    'read the value again, decide again, and send its new ETag',
  ],
  'cursor-invalid': [400, 'the cursor is not one that this listing gave', 'start again without a cursor'],

  // Claims (RFC 7030 section 3.2.3)
  'claim-missing': [401, 'no claim code was given', 'send HTTP Basic with user "claim" and the code as password'],
  'claim-malformed': [
    401,
    'this is not a claim code: its length or its check character is wrong',
    'compare the code with the one that the provider gave, character by character',
  ],
  'claim-unknown': [
    401,
    'this territory has not given out this claim code',
    'ask the provider of this territory for a claim code',
  ],
  'claim-used': [401, 'this claim code has been used by another box', 'ask the provider for a new claim code'],
  'claim-expired': [401, 'this claim code has expired', 'ask the provider for a new claim code'],
  'claim-revoked': [401, 'the provider has revoked this claim code', 'ask the provider for a new claim code'],

  // Certificate signing requests (RFC 2986)
  'csr-malformed': [
    400,
    'the body is not a base64 PKCS#10 certificate request',
    'send application/pkcs10: the DER request in base64, without PEM armour',
  ],
  'csr-signature': [
    400,
    "the request's signature does not verify with its own key",
    'make the request again with the key it names, and do not alter it afterwards',
  ],
  'csr-weak-key': [
    400,
    'the key of the request is too weak or of an unsupported kind',
    'use ECDSA P-256 (or RSA of 2048 bits or more) with SHA-256 or better',
  ],
  'csr-ca': [
    400,
    'the request asks to be a certification authority',
    'leave basicConstraints out of the request, or set CA:FALSE',
  ],
  'csr-subject': [
    400,
    "the request's subject is not that of the certificate it renews",
    'renew with the subject of the current certificate, unchanged',
  ],
  'certificate-missing': [
    401,
    'no client certificate was presented',
    'connect with the certificate that this territory issued',
  ],
  'certificate-foreign': [
    401,
    'the client certificate was not issued to a box by this territory, or is not valid now',
    'connect with the certificate that this territory issued, or enrol with a claim code',
  ],
  'certificate-superseded': [
    401,
    'the client certificate is not the current one of its box',
    'connect with the newest certificate',
  ],
  'renewal-used': [
    409,
    'the box has been given a renewed certificate for another key, and has not used it yet',
    'use that certificate, or ask again with the key that it was given for',
  ],
  'box-revoked': [403, 'the provider has revoked this box', 'ask the provider why; a claim code enrols the box anew'],

  // Admission, renewal and leaving, at the provider
  'certificate-expired': [
    401,
    'the client certificate has expired',
    'renew it: an expired certificate serves for that, and for nothing else',
  ],
  'renewal-too-late': [
    401,
    'the certificate expired longer ago than this provider renews',
    'enrol the box anew, as a new one',
  ],
  'csr-channel': [
    400,
    'the request is bound to another connection than the one it came by',
    'put the channel binding of this very connection into challengePassword (RFC 7030 section 3.5), or leave it out',
  ],
  'admission-refused': [
    403,
    'the provider has refused to admit this box',
    'read the reason; ask the provider, or choose another territory',
  ],
  'admission-full': [
    503,
    'too many boxes wait to be admitted',
    'try again later, or ask the provider for a claim code',
  ],
  'admission-closed': [
    401,
    'this territory does not admit a box on what it showed',
    'ask the provider how it admits boxes; a claim code is the usual way',
  ],
  'claim-not-taken': [
    401,
    'this territory takes no claim codes',
    'ask the provider how it admits boxes, and ask again without a code',
  ],
  'factory-foreign': [
    401,
    'the factory identity is not of an accredited maker, or is not valid',
    "ask the box's maker, or enrol with a claim code",
  ],
  'factory-barred': [
    401,
    'the provider has barred this device: its box was revoked',
    'ask the provider; an operator can reinstate the device',
  ],
  'voucher-invalid': [
    401,
    'the voucher is not one for this device',
    'ask whoever sold the box for its voucher, or enrol with a claim code',
  ],
  'voucher-elsewhere': [
    401,
    'the voucher is for another territory',
    'enrol in the territory that it names, or with a claim code',
  ],
  'voucher-used': [
    401,
    'this device has been enrolled with its voucher already',
    'enrol with a claim code, or ask the provider to admit the box',
  ],
  'too-many-requests': [429, 'more requests come from this address than are taken', 'wait for the time in Retry-After'],
  'box-left': [403, 'the box has left this territory', 'enrol it anew to come back'],
  'box-not-leaving': [409, 'the box has not said that it leaves', 'an objection answers an announced departure'],
  'box-not-barred': [409, 'the factory identity of this box is not barred', 'nothing needs doing'],

  // A card that was copied
  'cloned-box': [
    409,
    'two machines report as one box: its card was copied',
    'ask the owner which one is theirs; revoke the box, reset both, let theirs enrol anew; or settle it once the copy is gone',
  ],
  'box-not-cloned': [409, 'nothing looks like a copy of this box', 'nothing needs doing'],

  // Requests for admission
  'request-unknown': [404, 'nobody asks for admission with this code or id', 'list the requests to see them'],
  'request-decided': [409, 'this request has been decided already', 'list the requests to see how'],

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

  // Enrolment, as the box sees it
  'ca-mismatch': [
    495,
    "the provider's CA is not the one this box was told to trust",
    'compare caSha256 in the configuration with the fingerprint that the provider publishes',
  ],
  'est-unreachable': [
    503,
    "the provider's enrolment server cannot be reached",
    'check the address in territory.est and the network; the box keeps trying',
  ],
  'est-protocol': [
    502,
    "the provider's enrolment server did not answer as RFC 7030 says",
    'check the address in territory.est',
  ],
  'certificate-mismatch': [
    502,
    'the provider answered with a certificate that is not for this box',
    'check the address in territory.est; nothing was kept',
  ],
  'claim-file-missing': [
    400,
    'the box is not enrolled and has no claim code',
    'set claimCodeFile to a file that holds the claim code',
  ],

  // The alliance's directory
  'directory-malformed': [
    400,
    'this is not a directory of the alliance',
    'fetch the directory again from where the alliance publishes it',
  ],
  'directory-too-large': [
    413,
    'the directory is larger than 5 MB',
    'fetch the directory again from where the alliance publishes it',
  ],
  'directory-foreign': [
    403,
    'the directory is signed by a key that is not one of this alliance',
    'fetch the directory again from where the alliance publishes it; the one held stays in use',
  ],
  'directory-forged': [
    403,
    "the directory's signature does not verify",
    'fetch the directory again from where the alliance publishes it; the one held stays in use',
  ],
  'directory-older': [
    409,
    'the directory is older than the one held',
    'nothing needs doing: the newer one stays in use',
  ],
  'directory-fork': [
    409,
    'two different directories have the same sequence number',
    'tell the alliance: it, or somebody with its key, signed twice; the one held stays in use',
  ],
  'directory-unreachable': [
    503,
    'none of the places that were asked gave a directory',
    'nothing needs doing: the one held stays in use; check the network if it stays',
  ],
  'directory-missing': [404, 'there is no directory of the alliance here yet', 'run webizen-provider directory accept'],
  'directory-keys-missing': [
    400,
    'the public keys of the alliance are not known here',
    "give --keys FILE, the alliance's keys.json",
  ],
  'directory-keys-invalid': [400, 'this is not a file of the alliance’s public keys', "use the alliance's keys.json"],
  'alliance-missing': [404, 'there is no alliance in this directory', 'run webizen-provider alliance init first'],
  'alliance-key': [
    409,
    'this is not the key that was announced as the next one',
    'give --next-key FILE, the key that the last rotation or init made',
  ],
  'entry-exists': [409, 'the directory has an entry with this id', 'choose another id, or remove the entry first'],
  'entry-unknown': [404, 'the directory has no entry with this id', 'list the entries to see their ids'],
  'certificate-unusable': [
    400,
    'the file does not hold the certificate that is wanted',
    'give the certificate of the certification authority, in PEM',
  ],

  // The maker, factory identities and labels
  'maker-missing': [404, 'there is no maker in this directory', 'run webizen-provider maker init first'],
  'serial-invalid': [400, 'the serial number is missing or not one', 'use 1 to 64 letters, digits, dots and dashes'],
  'serial-taken': [
    409,
    'a box with this serial number was made with another key',
    'give each box a serial number of its own',
  ],
  'serial-made': [
    409,
    'a box with this serial number was made already, into another folder',
    'use what was made then: its setup code stands there and nowhere else',
  ],
  'serial-mismatch': [400, 'the request is for another serial number', 'use the request that this box made'],
  'batch-invalid': [
    400,
    'a line of the batch is wrong',
    'give a JSON object a line: serial, csr, and territory where it is known',
  ],
  'idevid-malformed': [
    400,
    'the certificate is not a factory identity',
    'use the idevid.crt that the maker made for this box',
  ],
  'idevid-foreign': [
    403,
    'the factory identity is not by a maker that the alliance accredits',
    'ask the maker of the box; or enrol with a claim code',
  ],
  'idevid-key': [
    409,
    'the factory identity is for another key than the one of this box',
    'use the idevid.crt that was made from the request of this box',
  ],
  'setup-code-malformed': [
    400,
    'this is not a setup code: its length or its check character is wrong',
    'compare the code with the label, character by character',
  ],
  'boot-file-invalid': [400, 'webizen.json on the boot partition is wrong', 'mend each field that is named'],
  'boot-unwritable': [
    500,
    'the setup code cannot be written to the boot partition',
    'put a setup code into webizen.json on the boot partition',
  ],

  // Vouchers (RFC 8366)
  'voucher-malformed': [400, 'this is not a voucher', 'use the voucher that the maker made for this box'],
  'voucher-forged': [
    403,
    "the voucher's signature does not verify",
    'use the voucher that the maker made for this box',
  ],
  'voucher-foreign': [
    403,
    'the voucher is not signed by the maker of this box',
    'use the voucher that the maker made for this box',
  ],
  'voucher-serial': [403, 'the voucher is for another box', 'use the voucher that the maker made for this box'],
  'voucher-expired': [403, 'the voucher has expired', 'set the box up by hand, or ask the maker for a new voucher'],
  'voucher-spent': [403, 'the voucher has been used', 'set the box up by hand'],

  // Programs
  'config-invalid': [400, 'the configuration is wrong', 'mend each field that is named'],
  'config-unreadable': [
    400,
    'the configuration file cannot be read',
    'check its path, its permissions, and that it is JSON',
  ],
  'arguments-invalid': [400, 'the command line is wrong', 'see --help'],
  // What tries an implementation of the standard API
  'conformance-unreachable': [
    503,
    'nothing answers there as a box does',
    'name the socket of an app that runs, or the address of an implementation, and be allowed to open it',
  ],
  'socket-path-too-long': [
    400,
    'the path of a socket is longer than the 107 bytes that the kernel takes',
    'choose a shorter directory',
  ],
  'port-in-use': [503, 'a port is in use by another program', 'stop the other program, or choose other ports'],
  'address-unavailable': [
    503,
    'the address to listen on is not one of this machine',
    'choose an address of this machine',
  ],
  'directory-owner': [
    403,
    'the data directory belongs to somebody else or is open to others',
    'run as its owner, or chown and chmod 700 it',
  ],
  'directory-in-use': [503, 'another process has the data directory open', 'stop the other process, or talk to it'],
  'directory-not-empty': [409, 'the directory holds something already', 'choose an empty directory'],
  'territory-missing': [404, 'there is no territory in this directory', 'run webizen-provider init first'],
  'store-damaged': [
    500,
    'the database cannot be opened',
    'keep a copy of the directory and report it; do not delete it',
  ],
  'store-newer': [409, 'the database was written by a newer version', 'run the newer version'],
  'not-running': [503, 'nothing is running in this directory', 'start it first'],
  unauthorized: [401, 'this needs the operator secret', 'send Authorization: Bearer with the secret, or sign in'],
  'secret-wrong': [
    401,
    'this is not the operator secret of this territory',
    'copy the secret again from where the territory keeps it, without spaces',
  ],
  'session-ended': [401, 'the session has ended', 'sign in again'],
  'origin-refused': [403, 'the request came from another site', 'use the console on its own address'],
  'too-many-attempts': [429, 'too many wrong attempts', 'wait for the time in Retry-After'],
  'too-many-streams': [503, 'too many event streams are open', 'close a console that nobody looks at, or poll'],
  'time-invalid': [
    400,
    'a time is not one, or the range ends before it starts',
    'give times in milliseconds since 1970 or in ISO 8601, from before to',
  ],
  // The owner's console
  'host-refused': [
    421,
    'this box does not go by the name in the address',
    'open the box by the name on its label, such as http://webizen-7k3f.local, or by its numeric address',
  ],
  'https-required': [
    403,
    'the owner of this box wants it opened over https only',
    'open the https address of the box; its certificate can be downloaded here',
  ],
  'https-first': [
    409,
    'this can be turned on only from a page that was opened over https',
    'install the certificate of the box, open its https address, sign in there, and turn it on there',
  ],
  'setup-code-wrong': [
    401,
    'this is not the code on the label of this box',
    'compare it with the label, character by character',
  ],
  'setup-session-missing': [
    401,
    'the code on the label has not been entered here',
    'enter the code on the label of the box first',
  ],
  'setup-unfinished': [409, 'the setup is not at this point yet', 'go on with the setup where it was left'],
  'sign-in-needed': [401, 'nobody is signed in here', 'sign in with the passphrase'],
  'forgotten-file-missing': [
    403,
    'the file webizen-forgot-passphrase is not on the boot partition of the card',
    'put the card into a computer, make an empty file of that name beside the others, and start the box with it',
  ],
  'word-missing': [400, 'the word that confirms this was not typed', 'type the word that the page names'],

  'box-unknown': [404, 'this territory has no such box', 'list the boxes to see their ids'],
  'claim-id-unknown': [404, 'this territory has no such claim', 'list the claims to see their ids'],

  // The territory's CA, its broker outside, its backups
  'root-key-missing': [
    409,
    "the root's key is not there",
    'fetch it from where it is kept and name its file with --root-key',
  ],
  'root-key-wrong': [409, 'this is not the key that belongs there', 'name the file of the key of the newest root'],
  'ca-rolled-lately': [
    409,
    'the newest certification authority is younger than a day',
    'a rollover that was cut has been completed; give --again for one more',
  ],
  'broker-unreachable': [
    503,
    'the broker cannot be reached',
    'look whether it runs and lets the provider in; boxes keep what they report until it does',
  ],
  'box-not-cut': [
    503,
    'the box is revoked, and its session at the broker may still be open',
    'mend what the detail names: the provider tries again; what the box says is dropped meanwhile',
  ],
  'crl-refused': [
    409,
    'the revocation list was not put in place',
    'mend what the detail names; the broker goes on with the list that it has',
  ],
  'backup-damaged': [409, 'this is not a whole backup', 'take another copy of it, or an older backup'],

  // Path validation, revocation lists and the clock of the box
  'crl-malformed': [
    400,
    'this is not a certificate revocation list that can be read',
    'fetch the list again; if it stays, tell whoever publishes it',
  ],
  'server-untrusted': [
    502,
    'the server has no certificate of the chosen territory for this name and purpose',
    'compare the address with the one that the provider gave; nothing has been sent to this server',
  ],
  'server-expired': [
    502,
    "the server's certificate has expired or is not valid yet",
    'ask the provider to renew the certificate of its server; nothing has been sent to it',
  ],
  'server-revoked': [
    502,
    "the server's certificate has been revoked",
    'ask the provider which server is the right one; nothing has been sent to this one',
  ],
  'time-outside-chain': [
    502,
    "the provider's clock contradicts its own certificate, so its time is not believed",
    'ask the provider to set the clock of its server, or to renew its certificate',
  ],
  'time-below-floor': [
    409,
    'the provider gives a time before the last one that this box knew to be right',
    'compare the date with your own; confirm it on the box if the provider is right',
  ],
  // Changes, membership, owner and ledger
  'change-under-way': [
    409,
    'the box is in the middle of another change of this kind',
    'wait until it has ended, or take it back first',
  ],
  'change-unknown': [404, 'there is no such change', 'list the changes to see their ids'],
  'change-ended': [
    409,
    'this change has already ended',
    'look at what it did; begin another if it should be otherwise',
  ],
  'change-stuck': [
    409,
    'a newer version of this software began a change that this one does not know',
    'let the box update itself again; nothing of the change is touched until then',
  ],
  'change-past-return': [409, 'this change can no longer be taken back', 'let it end, then change again'],
  'change-deadline': [504, 'the change was not done in the time set for it, and was taken back', 'try again'],
  'territory-unknown': [
    404,
    'the directory of the alliance does not list this territory',
    'choose one of the territories that the directory lists',
  ],
  'territory-suspended': [
    409,
    'this territory takes no new boxes now',
    'choose another territory, or wait until it is accredited again',
  ],
  'foreign-not-accepted': [
    409,
    'this territory lies outside the jurisdiction that the owner stated',
    "say that another country's law is meant, or choose a territory of one's own",
  ],
  'already-member': [409, 'the box belongs to a territory already', 'move it to another territory instead'],
  'not-a-member': [409, 'the box belongs to no territory yet', 'elect a territory first'],
  'not-waiting': [409, 'nothing is under way that could be taken back', 'look at the state of the box'],
  'button-stuck': [
    500,
    'the file that asks for a reset cannot be removed from the boot partition, so the box was not reset',
    'make the boot partition writable, or reset the box by its command',
  ],
  'owner-set': [409, 'this box has an owner already', 'sign in with the passphrase'],
  'owner-unset': [409, 'this box has no owner yet', 'set it up first'],
  'passphrase-wrong': [401, 'this is not the passphrase', 'try again, or use the recovery code'],
  'passphrase-weak': [400, 'the passphrase is too short', 'use at least ten characters'],
  'replace-forbidden': [
    403,
    'the owner has forbidden to replace a forgotten passphrase',
    'use the recovery code, or reset the box',
  ],
  'file-unreadable': [400, 'the file cannot be read', 'check the path and the permissions of the file'],
  'ledger-missing': [404, 'nothing has been written about this box yet', 'start the agent first, or check dataDir'],
  'recovery-wrong': [401, 'this is not the recovery code', 'compare it with what was shown at setup'],

  // The clock, as its owner puts it right
  'time-not-offered': [
    409,
    'no server offers another time now',
    'look at the page again: the box may have learned the time meanwhile',
  ],
  'time-changed': [409, 'another time is offered now', 'look at the time that is shown now, and confirm that one'],
  // The ledger, and the provider's receipts for it
  'ledger-mismatch': [
    409,
    'the ledger of the box does not go on from what was seen of it',
    'ask the owner what happened to the box: entries were cut off or replaced, or its card is a copy; an export, checked with webizen ledger verify, says where',
  ],
  'receipt-invalid': [
    502,
    "the provider's receipt for the ledger cannot be used",
    'nothing on the box; the receipt before it is kept, and the provider is to be told when this goes on',
  ],

  // The catalogue: what members publish and boxes fetch
  'blob-unknown': [404, 'these octets are not here', 'upload them, or fetch what a release that you may see names'],
  'blob-digest-wrong': [
    422,
    'the octets are not the ones that the digest names, and were discarded',
    'upload the file again from the start',
  ],
  'upload-offset-wrong': [
    409,
    'the upload does not go on from where it stopped',
    'go on from Upload-Offset, as HEAD tells it',
  ],
  'upload-malformed': [
    400,
    'Upload-Offset and Upload-Length do not say which octets these are',
    'send both as whole numbers, and no octet past Upload-Length',
  ],
  'upload-too-large': [413, 'the octets are more than an archive may hold', 'make the image smaller'],
  'upload-budget': [
    507,
    'the member keeps as much in the catalogue as the territory allows',
    'withdraw releases that nobody needs, finish or leave unfinished uploads for a day, or ask the operator',
  ],
  'range-invalid': [416, 'there is nothing in the range that was asked for', 'ask within the size that HEAD tells'],
  'publisher-wrong': [
    403,
    'the release names another member or another territory',
    'build and sign it as the member that publishes it',
  ],
  'blobs-missing': [409, 'the release names blobs that are not here', 'upload the blobs named in the detail'],
  'app-id-taken': [
    409,
    'the app id belongs to another member',
    'choose an id of your own, or ask the operator who may use it',
  ],
  'version-used': [409, 'this version of the app was published before', 'publish it under a higher version'],
  'version-older': [
    409,
    'a version as high as this one was published before in its channel',
    'publish it under a higher version',
  ],
  'release-ended': [
    409,
    'the release was withdrawn or stopped, and does not come back',
    'publish a new release under a higher version',
  ],
  'release-visibility': [
    409,
    'the release was published for others to see than these',
    'publish it as it was, or a new release under a higher version',
  ],
  'listing-unknown': [404, 'the catalogue lists no such app or release', 'compare its name with the catalogue'],

  // Members, their credentials and their standing
  'member-unknown': [404, 'this territory has no such member', 'list the members to see their ids'],
  'member-exists': [409, 'this territory has a member with this id', 'choose another id'],
  'member-key-taken': [
    409,
    'the key has been used by a member of this territory before',
    'make a new key and a new request',
  ],
  'member-request-malformed': [400, 'this is not a request to become a member', 'make it with webizen member request'],
  'member-request-forged': [
    403,
    "the request's signature does not verify with the key that it names",
    'make the request again, and do not alter it afterwards',
  ],
  'member-rotation-invalid': [
    403,
    "this is not a statement by which the member's current key names the next one",
    'sign it with the current key, for this member; if that key is lost, ask to be given a new one',
  ],
  'member-standing': [
    409,
    'the standing of the member does not allow this',
    'look at how the member stands, and do what goes before',
  ],
  'member-suspended': [
    403,
    'the member is suspended: nothing new of it is taken',
    'read the reason, and ask for the review that it names',
  ],
  'member-expelled': [
    403,
    'the member has been expelled',
    'read the reason, and ask for the review that the decision names',
  ],
  'member-level-low': [
    403,
    'the vetting level of the member does not allow what this asks for',
    'ask for less, or ask the territory for a higher level',
  ],
  'member-origin-unknown': [
    409,
    'it is not known yet where the territory can be reached, and credentials must say it',
    'start the provider once, or accept a directory that lists the territory',
  ],
  'members-full': [507, 'the status lists have no place left', 'report it: the lists have to be made longer'],
  'member-ledger-damaged': [
    409,
    'the ledger of decisions about members does not hold together',
    'keep a copy of it, and compare it with earlier exports',
  ],
  'member-keys-invalid': [
    400,
    'this is not a file of the keys that a territory signs for its members with',
    'use members/keys.json of the territory, or what member keys prints',
  ],
  'credential-missing': [
    401,
    'no credential with a proof of its key was shown',
    'send Authorization: DPoP with the credential, and a DPoP proof for this very request',
  ],
  'credential-malformed': [401, 'this is not a credential of a member', 'use the one that the territory issued'],
  'credential-foreign': [
    401,
    'the credential is not of this territory',
    'use the one that this territory issued, or be admitted here',
  ],
  'credential-forged': [401, "the credential's signature does not verify", 'use the one that the territory issued'],
  'credential-early': [401, 'the credential is not valid yet', 'put the clock right, and fetch the credential again'],
  'credential-expired': [401, 'the credential has expired', 'fetch the newest one from the territory'],
  'credential-superseded': [
    401,
    'the credential is for a key that the member does not use any more',
    'fetch the newest one from the territory, and sign with its key',
  ],
  'proof-invalid': [
    401,
    'the proof is not one by the key of the credential for this request',
    'make a proof as RFC 9449 says, with method, address and hash of the credential',
  ],
  'proof-stale': [401, 'the proof was made at another time than now', 'put the clock right, and make a new proof'],
  'proof-replayed': [401, 'the proof has been used before', 'make a new proof for each request'],
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

  // Installed apps, their releases, and standing as a box sees it
  'app-unknown': [404, 'no app of this name is installed here', 'list the apps to see their names'],
  'app-bound-elsewhere': [
    409,
    'the app that is installed belongs to another maker, or its maker has lost its key',
    'ask its maker for a release with the key that the app is bound to; another app of the same name can be installed only after this one is removed',
  ],
  'release-other': [
    502,
    'the catalogue gave another release than the one that was asked for',
    'tell the provider; nothing of it has been installed',
  ],
  'release-member-other': [
    403,
    'the release does not belong to the member who signed it',
    'ask the maker to sign it with its own name',
  ],
  'release-withdrawn': [
    409,
    'this release was withdrawn and is not installed any more',
    'wait for a newer release, or ask the maker of the app',
  ],
  'release-not-newer': [
    409,
    'a release that is as new or newer is installed already',
    'install a newer release; an older one only after the app is removed',
  ],
  'api-too-old': [
    409,
    'the app needs a newer version of the standard API than this box offers',
    'update the box first',
  ],
  'grants-incomplete': [
    400,
    'the app cannot work without a permission that was not granted',
    'grant what is not marked as optional, or do not install the app',
  ],
  'grant-not-asked': [
    400,
    'a permission was granted that the app does not ask for',
    'grant only what the app asks for',
  ],
  'blob-mismatch': [
    502,
    'what was fetched is not what the maker signed',
    'try again; if it stays, tell the provider and the maker',
  ],
  'status-missing': [
    409,
    "nothing is known of how the app's maker stands with its territory",
    'connect the box, or use a file that carries the status along',
  ],
  'status-stale': [
    409,
    "it was last verified more than a week ago how the app's maker stands",
    'connect the box to its provider; what is installed runs on, and is updated',
  ],
  'status-old': [
    409,
    "it was last verified more than a month ago how the app's maker stands",
    'connect the box to its provider; what is installed runs on',
  ],
  'status-replayed': [
    409,
    'a status list is older than the one that this box has verified, and does not count',
    'nothing on the box; if it comes from the provider, tell the provider',
  ],
  'status-malformed': [502, 'this is not a status list that can be read', 'try again; if it stays, tell the provider'],
  'status-foreign': [502, 'the status list is not of that territory', 'tell the provider; the list before it counts'],
  'status-forged': [502, "the status list's signature does not verify", 'tell the provider; the list before it counts'],
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
  // Grants, and what an app may use of the standard API at once
  'grant-end-past': [400, 'the permission would have ended before it began', 'choose an end that lies ahead, or none'],
  'rate-limited': [
    429,
    'this app asks more often than its share while other apps ask too',
    'wait as long as the Retry-After header says, and ask less often; batches do more in one request',
  ],
  'streams-too-many': [
    429,
    'this app holds as many event streams as one app may',
    'close a stream that is no longer read; one is enough for all events',
  ],
  // Connections to servers outside, by CONNECT (RFC 9110 section 9.3.6)
  'egress-target-invalid': [
    400,
    'CONNECT wants a host name and a port',
    'send CONNECT name:port, as in CONNECT api.example.com:443; ports are 1 to 65535',
  ],
  'egress-address': [
    400,
    'CONNECT to an address is not allowed, whatever was granted',
    'use the host name: permissions are given for names',
  ],
  'egress-unresolved': [
    502,
    'the host name leads nowhere just now',
    'check the name; when the box is offline, try again later',
  ],
  'egress-private': [
    403,
    'the host name leads into a private or reserved network, or to this box',
    'use a server on the public internet; apps do not reach what stands in the owner’s home',
  ],
  'egress-barred': [
    403,
    'the host name leads to a server of the network provider, which apps do not reach',
    'use the standard API for what concerns the box',
  ],
  'egress-unreachable': [502, 'the server does not take the connection', 'check host and port, and try again later'],
  'egress-too-many': [
    429,
    'this app, or all apps together, hold as many connections to servers outside as the box allows',
    'close connections that are not needed, and keep those that are for further requests',
  ],
  // What the box says of an app to others
  'attest-not-enrolled': [
    409,
    'this box belongs to no territory that could vouch for it',
    'try again once the owner has chosen a provider and the box is enrolled',
  ],
  'attest-time-unknown': [
    503,
    'this box does not know the time yet, so nothing that it signs could be dated',
    'try again when the box is online',
  ],
  'attest-certificate': [
    503,
    "the box's certificate is not valid just now",
    'try again when the box is online and has renewed it',
  ],
  'attest-unreleased': [
    409,
    'this app is no installed release, so there is nothing that could be vouched for',
    'publish the app and install the release',
  ],
  'notifications-too-many': [
    429,
    'this app has told the owner as much today as one app may',
    'wait as long as the Retry-After header says, and gather what is to be told',
  ],
  'target-absolute': [
    400,
    'the request names a whole address instead of a path: this is no proxy for plain HTTP',
    'send paths of the standard API; to reach a server outside, use CONNECT',
  ],

  // Runtime
  'runtime-unavailable': [
    503,
    'the part of the box that runs apps cannot be reached',
    'apps that run go on; it is tried again by itself, and if it stays, start the box again',
  ],
  'runtime-failed': [
    500,
    'the part of the box that runs apps could not do what it was asked',
    'try again; if it stays, report the detail',
  ],
  'image-missing': [409, 'the image of the app is not on the box', 'install the app again'],
  'image-mismatch': [
    422,
    'the image that was loaded is not the one that was signed',
    'fetch the release again; if it stays, tell who publishes the app',
  ],
  'image-unusable': [422, 'the image of the app cannot be loaded', 'tell who publishes the app what the detail says'],
  'image-in-use': [409, 'an app still runs from this image', 'remove the app first'],
  'app-start-failed': [502, 'the app cannot be started', 'tell who publishes the app what the detail says'],
  'app-crashed': [502, 'the app ended by itself', 'look at what the app printed; it is started again by itself'],
  'app-out-of-memory': [
    502,
    'the app needed more memory than it may have, and was ended',
    'tell who publishes the app; it is started again by itself',
  ],
  'app-unhealthy': [
    502,
    'the app does not pass its health check',
    'look at what the app printed; it is started again by itself',
  ],
  // Apps, at the owner's console
  'app-not-installed': [404, 'this app is not on the box', 'look at the list of apps; it may have been removed'],
  'permission-not-asked': [
    400,
    'the app does not ask for this permission',
    'give only what the app asks for: it could not use anything else',
  ],
  'date-past': [400, 'the date on which a permission ends is past', 'choose a later date, or give it for always'],
  'upload-broken': [400, 'the file did not arrive whole', 'send the file again'],
  'upload-under-way': [409, 'a file is being sent already', 'wait until it has arrived, or stop it where it was begun'],
} as const satisfies Record<string, readonly [status: number, title: string, remedy: string]>;

export type ProblemCode = keyof typeof table;
export const problemCodes = Object.keys(table) as ProblemCode[];

/** Problem details, RFC 9457, `application/problem+json`. `code` and `remedy` are ours and stable. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:webizen:problem:{code}' }),
    title: Type.String({ description: 'what is wrong, in one sentence' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    code: Type.String({ description: 'stable; programs branch on this' }),
    remedy: Type.String({ description: 'what to do about it' }),
    detail: Type.Optional(Type.String({ description: 'what this occurrence adds' })),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof Problem>;

export const isProblemCode = (code: unknown): code is ProblemCode => typeof code === 'string' && code in table;

export function problem(code: ProblemCode, detail?: string): Problem {
  const [status, title, remedy] = table[code];
  return { type: `urn:webizen:problem:${code}`, title, status, code, remedy, ...(detail ? { detail } : {}) };
}

/** A refusal with a code from the table. Thrown wherever a caller or a person is to be told what to do. */
export class Refusal extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  /** Extra response headers that the refusal needs, such as `WWW-Authenticate`. */
  readonly headers: Record<string, string>;

  constructor(code: ProblemCode, detail?: string, options: { cause?: unknown; headers?: Record<string, string> } = {}) {
    const [, title] = table[code];
    super(detail ? `${title}: ${detail}` : title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Refusal';
    this.code = code;
    this.detail = detail;
    this.headers = options.headers ?? {};
  }

  get problem(): Problem {
    return problem(this.code, this.detail);
  }

  get status(): number {
    return table[this.code][0];
  }

  get remedy(): string {
    return table[this.code][2];
  }
}
