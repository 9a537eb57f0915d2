export const help = `webizen-provider: brings boxes into a territory and looks after them

  webizen-provider init --dir D --territory ID --name TEXT --jurisdiction AU-NSW --law TEXT [--leaf-lifetime 30d] [--root-out FILE]
  webizen-provider serve --dir D [--host H] [--port-base N] [--broker mqtts://H:P [--broker-helper https://H:P]]
  webizen-provider claim create --dir D [--count N] [--label TEXT] [--expires 7d] [--json]
  webizen-provider claim list --dir D [--json]
  webizen-provider claim revoke ID --dir D
  webizen-provider box list --dir D [--json]
  webizen-provider box show ID --dir D [--json]
  webizen-provider box revoke ID --dir D
  webizen-provider broker config mosquitto --dir D --out DIR --host H [--port N]
  webizen-provider broker helper --at DIR [--port N] [--broker mqtts://localhost:P]
  webizen-provider ca show --dir D
  webizen-provider ca roll issuing|root --dir D [--root-key FILE] [--root-out FILE]
  webizen-provider backup --dir D --out FILE
  webizen-provider restore --from FILE --dir D [--crl FILE]
  webizen-provider --version

Each command tells more with --help.
`;

export const helpOf: Record<string, string> = {
  init: `webizen-provider init: makes a territory, its certification authority and its database in a new directory

  --dir D                where; made with mode 0700, or empty already
  --territory ID         its short name, for machines
  --name TEXT            its name, for people
  --jurisdiction CODE    ISO 3166, such as AU or AU-NSW
  --law TEXT             the governing law
  --leaf-lifetime T      how long a box's certificate lasts: 90s, 1h, 30d (30d)
  --root-out FILE        writes the key of the root there, mode 0600, and not into D

The root's key is needed again to make a new CA (ca roll); serving does not need it. Keep it off this machine.
`,
  serve: `webizen-provider serve: runs the territory until it is told to stop (SIGTERM, SIGINT)

  --dir D          the directory that init made
  --host H         where to listen, and the name boxes reach it by (localhost)
  --port-base N    EST on N, MQTT on N+1, console on N+2; 0 for free ones (8440)
  --broker URL     an MQTT broker outside, instead of the provider's own; see broker config
  --broker-protocol N   what boxes speak with it: 4 for MQTT 3.1.1, 5 (4)
  --broker-helper URL   the helper beside it, which takes revocation lists

Prints each address on a line of its own, then "ready".
`,
  claim: `webizen-provider claim: the codes that let a box enrol, each once

  claim create --dir D [--count N] [--label TEXT] [--expires 7d] [--json]
      prints one code a line; with --json an array that says more
  claim list --dir D [--json]
  claim revoke ID --dir D

Works while the server runs and while it does not.
`,
  box: `webizen-provider box: the boxes of the territory

  box list --dir D [--json]
  box show ID --dir D [--json]
  box revoke ID --dir D
      refuses new connections of this box from now on

Works while the server runs and while it does not.
`,
  broker: `webizen-provider broker: a broker that is not the provider's own

  broker config mosquitto --dir D --out DIR --host H... [--port 8883] [--bind ADDRESS] [--at DIR] [--user mosquitto]
                          [--helper-port 8446]
      writes configuration, rules, keys and the revocation list for mosquitto 2.0, and prints what to do with them;
      --host is a name of the broker's host, and can be repeated; --at is where the files will lie there
  broker helper --at DIR [--host 0.0.0.0] [--port 8446] [--broker mqtts://localhost:8883]
      runs beside mosquitto until it is told to stop: puts each new revocation list in its place, and proves it
`,
  ca: `webizen-provider ca: the certification authority of the territory

  ca show --dir D
  ca roll issuing --dir D [--root-key FILE] [--again]
      a new issuing CA under the newest root; certificates of the old one go on being accepted
  ca roll root --dir D [--root-key FILE --root-out FILE] [--again]
      a new root, bridged with the old one in both directions, and an issuing CA under it

  --root-key FILE   the key of the newest root, when it is not in D/ca
  --root-out FILE   where the key of the new root goes
  --again           also when the newest one is younger than a day

Can be repeated after a cut. No box is touched, and a provider that runs goes on with the new one at once.
`,
  backup: `webizen-provider backup: everything of a territory, as of one moment, in one file of mode 0600

  backup --dir D --out FILE

The file holds the keys of the CA and is not encrypted. Works while the server runs and while it does not.
`,
  restore: `webizen-provider restore: makes a territory's directory from a backup

  restore --from FILE --dir D [--crl FILE]

  --crl FILE   the newest revocation list that is known, such as the broker's: what it names stays revoked

Numbers that must never go back jump ahead, open claims are revoked, and boxes that enrolled or renewed since the backup
are known again by their certificates when they come. Can be repeated after a cut.
`,
};
