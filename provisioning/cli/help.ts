import { caseHelp } from './help-case.js';
import { paymentHelp, payoutHelp } from './help-payment.js';
import { alertHelp, fleetHelp } from './help-watch.js';

export const help = `webizen-provider: brings boxes into a territory and looks after them

  webizen-provider init --dir D --territory ID --name TEXT --jurisdiction AU-NSW --law TEXT [--root-out FILE]
  webizen-provider serve --dir D [--host H] [--port-base N] [--admission WAYS] [--broker mqtts://H:P]
  webizen-provider claim create --dir D [--count N] [--label TEXT] [--expires 7d] [--json]
  webizen-provider claim list --dir D [--json]
  webizen-provider claim revoke ID --dir D
  webizen-provider box list --dir D [--json]
  webizen-provider box show ID --dir D [--json]
  webizen-provider box revoke ID --dir D [--reason TEXT] [--keep-device]
  webizen-provider box reinstate ID --dir D
  webizen-provider box settle ID --dir D
  webizen-provider box object ID --dir D --reason TEXT
  webizen-provider box command ID KIND --dir D [--by TEXT] [--expires 1d]
  webizen-provider box commands ID --dir D [--json]
  webizen-provider box diagnostics ID COMMAND --dir D --out FILE
  webizen-provider command-key show|roll --dir D [--compromised]
  webizen-provider fleet glance --dir D [--json]
  webizen-provider fleet list --dir D [FILTER] [--sort S] [--all] [--json]
  webizen-provider fleet show ID --dir D [--json]
  webizen-provider fleet about ID --dir D [--label TEXT] [--place TEXT]
  webizen-provider fleet history|command|events|filters|save|forget --dir D
  webizen-provider alert list|show|acknowledge|silence|silences|end-silence --dir D
  webizen-provider alert rules|add-rule|set-rule|remove-rule --dir D
  webizen-provider alert webhooks|add-webhook|test-webhook|remove-webhook --dir D
  webizen-provider alert mail|set-mail|test-mail|remove-mail --dir D
  webizen-provider request list --dir D [--json]
  webizen-provider request approve CODE --dir D
  webizen-provider request refuse CODE --dir D --reason TEXT
  webizen-provider agreement list --dir D [--box ID] [--member ID] [--json]
  webizen-provider agreement usage --dir D [--member ID] [--json]
  webizen-provider account close|list|owners|members|show|verify|credit|schedule|development|… --dir D
  webizen-provider payment import|list|show|unmatched|assign|reverse|sums|hook --dir D
  webizen-provider payout list|done|returned|payee --dir D
  webizen-provider app list --dir D [--json]
  webizen-provider app show ID --dir D [--json]
  webizen-provider app stop RELEASE --dir D --reason TEXT
  webizen-provider app pause|abort RELEASE --dir D --reason TEXT
  webizen-provider app resume RELEASE --dir D
  webizen-provider app reserve ID|DOMAIN.* MEMBER --dir D
  webizen-provider app policy --dir D [first|proof --reason TEXT --decided-by TEXT]
  webizen-provider os keys|sign|publish|list|schedule|pause|resume|abort|next
  webizen-provider member admit REQUEST --dir D --id ID --level N --charter V --vetted TEXT --by TEXT
  webizen-provider member list|show|level|suspend|reinstate|expel|succeed|key|credential|keys|policy|ledger|panel|resolve --dir D
  webizen-provider case open|notice|receive|hearing|court|close|list|show|document --dir D
  webizen-provider directory accept FILE --dir D [--keys keys.json]
  webizen-provider directory show --dir D [--json]
  webizen-provider alliance init|territory|maker|url|publish|rotate --dir A
  webizen-provider maker init|make-box|list --dir M
  webizen-provider serve --role ingest --dir W --broker mqtts://H:P --database-file F
  webizen-provider worker add --dir D --number N --out W
  webizen-provider broker config mosquitto --dir D --out DIR --host H [--port N]
  webizen-provider broker helper --at DIR [--port N] [--broker mqtts://localhost:P]
  webizen-provider operator add|list|role|remove|reset --dir D
  webizen-provider audit list|verify|export --dir D
  webizen-provider ca show --dir D
  webizen-provider ca roll issuing|root --dir D [--root-key FILE] [--root-out FILE]
  webizen-provider migrate-store --dir D [--control] --to postgres://… | --database-file F | --give-up
  webizen-provider standby export --dir D --out FILE
  webizen-provider standby import --from FILE --dir D
  webizen-provider backup --dir D --out FILE
  webizen-provider restore --from FILE --dir D [--crl FILE]
  webizen-provider simulate --boxes N --est URL --dir D --state S [--for 5m] [--speed N | --rate R] [--faults …] [--verify]
  webizen-provider --version

Each command tells more with --help.
`;

export const helpOf: Record<string, string> = {
  case: caseHelp,
  init: `webizen-provider init: makes a territory, its certification authority and its database in a new directory

  --dir D                where; made with mode 0700, or empty already
  --territory ID         its short name, for machines
  --name TEXT            its name, for people
  --jurisdiction CODE    ISO 3166, such as AU or AU-NSW
  --law TEXT             the governing law
  --leaf-lifetime T      how long a box's certificate lasts: 90s, 1h, 30d (30d)
  --renewal-grace T      how long after its end it still serves for renewal (730d)
  --root-out FILE        writes the key of the root there, mode 0600, and not into D

The root's key is needed again to make a new CA (ca roll); serving does not need it. Keep it off this machine.
`,
  agreement: `webizen-provider agreement: what owners have agreed to with members, as their boxes told it

  agreement list   each with its plan, the class that the owner stated, its price, and how it stands
    --dir D        the territory's directory
    --box ID       of this box alone
    --member ID    with this member alone
    --json         all of it, for programs
  agreement usage  the statements that boxes have made of each month: sums alone; the entries stay on the box
    --dir D, --member ID, --json as above
`,
  account: `webizen-provider account: what a month came to, for owners, members and the territory

  account close 2026-11 --dir D
      rates the month, which is over, and closes it, once; goes on where it was cut. What is heard later, an end of an
      agreement or a statement of usage, stands in the next month as an entry of its own
  account list --dir D [--json|--csv]
      the months, each with what owners were charged, and what members, the territory and the alliance have of it
  account owners 2026-11 --dir D [--json|--csv]
      each entry of each box
  account members 2026-11 --dir D [--json|--csv]
  account show 2026-11 BOX --dir D [--json|--csv]
  account verify --dir D
      reckons the chain of hashes over all closed months again, and prints the last
  account credit AGREEMENT --month 2026-11 --amount 2.50 --reason TEXT --dir D [--json]
      gives back at most what the agreement came to in that month; it stands in the next month that is closed
  account schedule --dir D [--json]
  account schedule --from 2026-12 --share 15 [--alliance 1.5] [--discount 2=20]... --dir D
      what the territory and the alliance keep, in per cent, from a month on that is open; with --discount, how much of
      the territory's share members of a vetting level are let off, in per cent
  account development --dir D [--json]
  account development BOX on|off --dir D
  account closing [--after-days 10|off] --dir D [--json]
      nothing is charged on a maker's own box, from the first month that is open

  account seller [FILE] --dir D [--json]
      who makes out invoices: {"name", "street", "postalCode", "city", "country": "NZ", "vatId" or "registration", "email",
      "iban", "paymentDays": 14, "tax"}; tax is {"category": "S", "percent": "15"}, or Z, or E or O with a "reason"
  account invoice 2026-11 BOX --buyer FILE --out FILE --dir D [--currency EUR]
      the invoice of a box's month, or the credit note, by EN 16931 in UBL 2.1; the buyer's file has the first fields of
      the seller's. It is made out once: asked for again, it is the same
  account invoices --dir D [--json|--csv]

Months are those of UTC. Works while the server runs and while it does not.
`,
  payment: paymentHelp,
  payout: payoutHelp,
  serve: `webizen-provider serve: runs the territory until it is told to stop (SIGTERM, SIGINT)

  --dir D          the directory that init made
  --host H         where to listen, and the name boxes reach it by (localhost)
  --port-base N    EST on N, MQTT on N+1, console on N+2; 0 for free ones (8440)
  --admission WAYS how boxes come in, a list with commas (claim):
                     claim                        with a claim code
                     voucher                      with a factory identity and its voucher for this territory
                     open-for-accredited-makers   with a factory identity alone
                     manual                       an operator decides about whoever shows nothing of these
  --renewal-grace T  how long an expired certificate still serves for renewal; kept for the next start
  --enrolments N   requests to enrol taken each second from one address, ten times that from all (20)
  --broker URL     an MQTT broker outside, instead of the provider's own; see broker config
  --broker-protocol N   what boxes speak with it: 4 for MQTT 3.1.1, 5 (4)
  --broker-helper URL   the helper beside it, which takes revocation lists
  --role ROLES     what this process is (est,ingest,api,console); with --broker and --database only:
                     est,api,console   all but storing what boxes report, which is left to workers
                     ingest            a worker: --dir is what worker add made
  --lease T        a worker, or a process that holds the records in a database, that is silent for so long is taken
                   over (5s)
  --metrics-port N of a worker: where it counts, at /metrics, on --host (127.0.0.1); 0 for a free one
  --database URL   a PostgreSQL database for what boxes tell, instead of the directory: postgres://user:password@host/name
  --database-file F     a file that holds this line: a command line is read by everybody on the machine
  --keep-raw T     how long each sample is kept as it came (7d), then
  --keep-minutes T what five minutes of them came to (90d), and
  --keep-hours T   what an hour came to (730d)
  --keep-events T  how long what happened is kept in the database (90d)

Prints each address on a line of its own, then "ready". Where the database holds the territory's records too
(migrate-store --control) one process serves; another prints "standing by", and takes over when that one is gone.
`,
  'migrate-store': `webizen-provider migrate-store: what boxes have told goes from the directory to PostgreSQL

  --dir D               the directory that init made
  --to URL              postgres://user:password@host/name, of an empty database
  --database-file F     a file that holds this line: a command line is read by everybody on the machine
  --give-up             ends a move that was begun; the directory goes on as before (the server does not run)
  --control             the territory's own records too (claims, certificates, members, the catalogue, operators),
                        while no server runs; with --give-up the database is named as well

While the server runs it serves its boxes and copies beside. Say it as often as you like: what is there is not copied
again. Then stop the server and start it with --database-file: it moves what has come since, before it serves. From then
on it refuses to start without. Claims, certificates, members and the catalogue stay in the directory.

With --control those go too, all at once, so that another machine can take over (standby). Make a backup first. Cut
anywhere, the same again goes on.
`,
  standby: `webizen-provider standby: a second machine, which takes over when the one that serves is gone

  standby export --dir D --out FILE
      writes what such a machine must have of the territory: its keys, its certificates, the operator secret
  standby import --from FILE --dir D
      brings it there, into a new directory, or over what was brought before

The territory's records are in the database that both are given (migrate-store --control). Serve on both: the first
serves, the second stands by. It takes over only while its keys are those of the one that served last: export and import
again after each change of a key (ca roll, command-key roll, member keys, a new operator secret).
`,
  worker: `webizen-provider worker: processes that store what boxes report

  worker add --dir D --number N --out W [--lifetime 398d]
      makes the folder of worker N, 1 to 63: its name at the broker, a key and a certificate for that, and whom it
      trusts there. Again for the same N: a new certificate, which it takes with its next session

A worker needs the broker and the database, and nothing of the territory's directory. See docs/provider.md, section 20.
`,
  claim: `webizen-provider claim: the codes that let a box enrol, each once

  claim create --dir D [--count N] [--label TEXT] [--expires 7d] [--json]
      prints one code a line; with --json an array that says more
  claim list --dir D [--json]
  claim revoke ID --dir D

Works while the server runs and while it does not.
`,
  box: `webizen-provider box: the boxes of the territory

  box list --dir D [--json|--csv]
  box show ID --dir D [--json]
  box revoke ID --dir D [--reason TEXT] [--keep-device] [--json]
      refuses this box from now on, and its device too unless it is kept: a stolen box cannot enrol anew
  box reinstate ID --dir D
      lets the device of a revoked box enrol again, as a new box
  box settle ID --dir D
      says that the copy of a box whose card was copied is gone
  box object ID --dir D --reason TEXT
      tells the owner what you have against a departure that was announced; it does not prevent it
  box command ID KIND --dir D [--by TEXT] [--expires 1d] [--json]
      asks something of the box, which does it as its owner has agreed, and once; KIND is one of
        refresh                                  says its birth, its report and a sample now
        live --seconds N                         sends a sample each second, for at most 300 seconds
        set-intervals --sample S --batch S       how often it measures itself, and how often it sends that
        rotate-key                               renews its certificate now, with a new key
        diagnostics                              sends what helps to find a fault
        restart-agent, reboot                    as soon as its apps may be disturbed
        update --what os --to VERSION            looks at once for the system that you have selected (os schedule)
  box commands ID --dir D [--json|--csv]
      what was asked of it, newest first, what it answered and what to do about that
  box diagnostics ID COMMAND --dir D --out FILE
      the bundle that it sent, gzip of JSON

Works while the server runs and while it does not.
`,
  os: `webizen-provider os: releases of the operating system, as their publisher signed them

  os keys --out DIR                       the publisher's keys: keys.json goes into images
  os sign --key current.key --bundle FILE --compatible webizen-arm64 --version 1.2.0 --notes TEXT --out release.jws
      [--minimum 1.0.0] [--channel stable] [--security]
  os publish --dir D --release release.jws --bundle FILE --keys keys.json
  os list --dir D [--json]
  os schedule RELEASE --dir D [--waves 5,25,100] [--stop-at 10] [--hold-hours 24] [--not-before 2026-12-01T02:00Z]
  os pause|abort RELEASE --dir D --reason TEXT
  os resume|next RELEASE --dir D

  A provider selects and schedules, and can make none. A wave stops where more than --stop-at percent of the boxes fail.
`,
  'command-key': `webizen-provider command-key: what the territory signs commands to its boxes with

  command-key show --dir D
  command-key roll --dir D [--compromised]
      another key signs from now on, and the one before is believed until whatever it has signed has run out;
      --compromised: the ones before are believed no more at once

Boxes learn the keys from their profile, over https. Works while the server runs and while it does not.
`,
  fleet: fleetHelp,
  alert: alertHelp,
  app: `webizen-provider app: what members publish in the catalogue

  app list --dir D [--json]
  app show ID --dir D [--json]
      its owner and its releases, newest first
  app stop RELEASE --dir D --reason TEXT
      the release is never installed again; owners and its member read the reason. For ever
  app pause RELEASE --dir D --reason TEXT
      its rollout reaches no more boxes until you resume it; its member reads the reason, and can only abort it
  app resume RELEASE --dir D
  app abort RELEASE --dir D --reason TEXT
      no box that does not run the release takes it any more; those that run it go on. For ever
  app reserve ID|DOMAIN.* MEMBER --dir D
      keeps an app id, or every id below a domain, for a member, once you have seen that the domain is theirs
  app policy --dir D [first|proof --reason TEXT --decided-by TEXT]
      first: a new id belongs to the first member who publishes under it; proof: only to one for whom it is kept, or who
      has proved the domain by webizen app claim

Works while the server runs and while it does not.
`,
  member: `webizen-provider member: the members of the alliance that this territory vouches for

  member admit REQUEST --dir D --id ID --level 1|2|3 --charter VERSION --vetted TEXT --by TEXT
                       [--on 2026-11-30] [--evidence FILE]
      REQUEST is what webizen member request made; only the hash of the evidence is kept
  member list --dir D [--json]
  member show ID --dir D [--json]
  member level ID 1|2|3 --dir D --vetted TEXT --by TEXT [--on DAY] [--evidence FILE] [--charter VERSION]
  member suspend ID --dir D --reason TEXT --decided-by TEXT [--review TEXT] [--interim-days N]
      nothing new of the member is installed; what runs goes on
      with --interim-days for 1 to 30 days at most, until a panel has met, in a case that was opened (--case CASE)
  member panel --dir D [--json]
  member panel --set standing|review FILE --dir D
      who decides about members, and who reviews it: FILE is {"quorum": N, "officers": [what webizen officer keygen prints,
      …]}. Set the review panel first: from when there is a standing panel, members are suspended, reinstated, expelled and
      succeeded, and panels changed, by resolutions of officers alone
  member resolve RESOLUTION --signature FILE … --dir D
      carry out what officers have signed (webizen officer)
  member reinstate ID --dir D --reason TEXT --decided-by TEXT [--review TEXT]
      ends a suspension, and undoes an expulsion. suspend, reinstate and expel take --case CASE, and the first and the last
      then --review-days N
  member expel ID --dir D --reason TEXT --decided-by TEXT --review TEXT
      its apps are stopped on the boxes, their data stays with the owners; --review says how to have it reviewed
  member succeed ID SUCCESSOR --dir D [--app APP]... --reason TEXT --decided-by TEXT --review TEXT
      apps of a member that is expelled or gives them up pass to another, all of them where none are named: their ids at
      once, and on each box when its owner says yes. To turn it back, let them pass back
  member succession APP --dir D
      what boxes are told of it
  member key ID --dir D --rotation FILE
      the member's next key, by a statement that its current key signed
  member key ID --dir D --request FILE --reason TEXT --decided-by TEXT [--review TEXT]
      a new key for one that was lost: what the lost one signed runs on, and nothing more is installed by it
  member credential ID --dir D [--out FILE]
  member keys --dir D
      what the territory signs for its members with; the alliance lists them from D/members/keys.json
  member keys --next --dir D
      makes the key after the present one and lists it: let the alliance list it before it takes over
  member keys --roll --dir D --reason TEXT --decided-by TEXT [--compromised]
      it takes over, and signs anew what the one before has signed, which is believed until that would have run out;
      --compromised: a key that nobody has seen takes over, and the ones before are believed no more at once
  member policy --dir D [--set KIND=LEVEL]... [--reason TEXT --decided-by TEXT] [--json]
      the vetting level from which on a member's apps may ask for each permission
  member ledger --dir D [--json] [--out FILE]
  member ledger --verify FILE [--keys keys.json]
      what was decided; checked whenever it is shown, an exported one without a territory

Works while the server runs and while it does not.
`,
  directory: `webizen-provider directory: the alliance's directory, as this territory keeps it

  directory accept FILE --dir D [--keys keys.json]
      takes a newer directory; the first time it needs the alliance's public keys
  directory show --dir D [--json]

Boxes fetch it at /v1/directory; it says which makers' boxes are known. Works while the server runs and while it does not.
`,
  alliance: `webizen-provider alliance: the desk of the alliance, which signs the directory of territories and makers

  alliance init --dir A [--next-out FILE]
      makes the signing key and the next one, to be kept offline; boxes pin A/keys.json
  alliance territory add --dir A --id ID --name TEXT --jurisdiction AU-NSW --law TEXT --provider TEXT \
      --est https://HOST:PORT --ca root.crt [--member-keys keys.json] [--valid 1095d]
  alliance territory keys ID --dir A --member-keys keys.json
      the territory signs for its members with these keys from now on
  alliance territory suspend ID --dir A [--reason TEXT]
      takes no new boxes from then on; those that it has keep working and their owners are told
  alliance territory reinstate ID --dir A
  alliance territory remove ID --dir A
  alliance territory list --dir A [--json]
  alliance maker add --dir A --id ID --name TEXT --ca ca.crt [--valid 1095d]
  alliance maker suspend ID --dir A
  alliance maker reinstate ID --dir A
  alliance maker list --dir A [--json]
  alliance url [URL …] --dir A
      where else the directory may be fetched from
  alliance publish --dir A --out FILE [--valid 30d]
  alliance rotate --dir A [--next-key FILE] [--next-out FILE]
      the next key becomes the signing key, a new next one is made, and the old one destroyed
`,
  maker: `webizen-provider maker: factory identities, labels and vouchers for the boxes that a maker builds

  maker init --dir M --id ID --name TEXT
      the maker's certification authority; the alliance lists M/ca.crt
  maker make-box --dir M --serial S --csr FILE --out DIR [--territory ID --directory FILE --keys keys.json]
                 [--territory ID --territory-ca root.crt] [--voucher-valid 365d]
      certifies the key of one box and writes DIR/S: idevid.crt, setup-code.json, wifi-password.txt,
      label.svg, label.txt, voucher.vcj
  maker make-box --dir M --batch FILE.jsonl|DIR --out DIR [--territory …]
      a production line: a line {"serial", "csr", "territory"?} or a file SERIAL.csr a box; can be repeated after a cut
  maker list --dir M [--json]
`,
  request: `webizen-provider request: the boxes that ask to be admitted (serve --admission manual)

  request list --dir D [--json]
  request approve CODE --dir D
      gives the box its certificate; it asks again by itself
  request refuse CODE --dir D --reason TEXT
      the owner reads the reason

CODE is the one that the owner reads out, XXXX-XXXX. Works while the server runs and while it does not.
`,
  broker: `webizen-provider broker: a broker that is not the provider's own

  broker config mosquitto --dir D --out DIR --host H... [--port 8883] [--bind ADDRESS] [--at DIR] [--user mosquitto]
                          [--helper-port 8446]
      writes configuration, rules, keys and the revocation list for mosquitto 2.0, and prints what to do with them;
      --host is a name of the broker's host, and can be repeated; --at is where the files will lie there
  broker helper --at DIR [--host 0.0.0.0] [--port 8446] [--broker mqtts://localhost:8883]
      runs beside mosquitto until it is told to stop: puts each new revocation list in its place, and proves it
`,
  operator: `webizen-provider operator: who may use the console and the operator's API

  operator add NAME --role viewer|operator|admin --dir D [--json]
      prints the secret that NAME signs in with, once: only its hash is kept
  operator list --dir D [--json|--csv]
  operator role NAME viewer|operator|admin --dir D [--json]
  operator reset NAME --dir D [--json]
      a new secret; the one before ends at once, with whatever was opened with it
  operator remove NAME --dir D [--json]

A viewer reads; an operator acts on boxes, claims, requests and alerts; an admin sets up operators and alert rules, and
reads the audit log. The first admin is called admin, and its secret lies in D/operator.secret.

Example:
  webizen-provider operator add jo --role operator --dir D > jo.secret

Works while the server runs and while it does not.
`,
  audit: `webizen-provider audit: what operators did, hash-chained

  audit list --dir D [--limit N] [--who NAME] [--json|--csv]
      the newest N acts (50), the oldest of them first, with what became of each
  audit verify --dir D [--head N:HASH]
      follows the chain from its beginning and prints its head; with --head, also that a head noted earlier is part of it,
      which shows that nothing was cut off its end since
  audit export --out FILE --dir D
      for webizen ledger verify FILE

Example:
  webizen-provider audit list --who jo --limit 200 --csv --dir D > jo.csv

Commands on the machine are acts of "(this machine)". Works while the server runs and while it does not.
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
  simulate: `webizen-provider simulate: so many boxes that enrol, connect and report as real ones do, for sizing and for trials

  --boxes N        how many
  --est URL        the provider's EST, such as https://localhost:8440
  --state S        a folder for their keys and certificates: a second run connects without enrolling
  --dir D          the directory of the provider that runs here: makes the claim codes, has the root, is asked by --verify
  --claims FILE    claim codes, one a line, instead of --dir; with
  --root FILE      the certificate of the territory's root
  --seed N         who they are and what they measure; the same seed tells the same lives (1)
  --for T          how long it lasts: 90s, 5m, 2h, 30d (5m)
  --speed N        their time goes so much faster, and ends now (1)
  --rate R         instead of --speed: so many samples a second, of all boxes together
  --interval T     between two samples (60s)
  --batch N        samples in a batch (15)
  --at-once N      so many connect at the same time (64)
  --drain T        how long what waits at the end may take (5m)
  --faults LIST    with commas:
                     outage=10%:5m     a share has no network for so long, and goes on measuring
                     blackout=60%:2m   a share loses its power at one moment, and comes back at one moment: a storm
                     offline=1%:30d    a share has measured for so long without a network when it begins
                     duplicate=5%      of the batches are sent twice
                     reorder=5%        of the batches come after the next one
                     slow=2%           of the boxes send by drips
  --verify         asks the provider for every sample of the last six days: each must be stored, and once
  --json           the report as JSON

Times in --faults and --interval are the boxes' own. Ends with an error when something is not acknowledged, missing or doubled.
Some of the boxes fill their disk, run hot, leak, have a weak Wi-Fi, a bad supply or a wrong clock.
`,
};
