export const help = `webizen-provider: brings boxes into a territory and looks after them

  webizen-provider init --dir D --territory ID --name TEXT --jurisdiction AU-NSW --law TEXT [--leaf-lifetime 30d]
  webizen-provider serve --dir D [--host H] [--port-base N]
  webizen-provider claim create --dir D [--count N] [--label TEXT] [--expires 7d] [--json]
  webizen-provider claim list --dir D [--json]
  webizen-provider claim revoke ID --dir D
  webizen-provider box list --dir D [--json]
  webizen-provider box show ID --dir D [--json]
  webizen-provider box revoke ID --dir D
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

Keep D/ca/root.key somewhere safe; serving does not need it.
`,
  serve: `webizen-provider serve: runs the territory until it is told to stop (SIGTERM, SIGINT)

  --dir D          the directory that init made
  --host H         where to listen, and the name boxes reach it by (localhost)
  --port-base N    EST on N, MQTT on N+1, console on N+2; 0 for free ones (8440)

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
};
