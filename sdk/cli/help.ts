import { devFaultNames, devFaults } from '#contract/developing.js';

/** What `--help` says. */
export const help = `webizen: tools for owners and developers of Webizen boxes

  webizen member …      your key and your membership: request, accept, show, rotate
  webizen app …         an app from skeleton to release: init, dev, check, build, sign, inspect, publish, rollout,
                        status, offer, withdraw, messages
  webizen link …        with which boxes you are linked: ask with an owner's code, list, end
  webizen agreement …   what owners have agreed to, and what it came to: list, usage, income
  webizen ledger …      verify what a box has written down about itself
  webizen case …        what is held against you, and your answer: list, show, answer, review
  webizen officer …     decide about members as an officer of a territory: keygen, resolve, show, sign
  webizen register …    audit what a territory has decided about its members
  webizen backup …      open an owner's backup with its code, away from the box
  webizen conformance … try every promise of the standard API against an implementation of it

webizen COMMAND --help tells more; webizen --version says which release this is.

Exit codes: 0 done, 1 it could not be done or the answer is no, 2 the command line is wrong.
`;

const member = `webizen member: your key and your membership in a territory

  webizen member request --name NAME --class CLASS [--contact TEXT] --out DIR
      make a key and a request for membership; send DIR/request.jws to the territory's provider.
      CLASS is var, qsp, wcd, wec or wcp
  webizen member accept [FILE] [--catalogue URL --ca FILE] [--id MEMBER] [--member DIR]
      keep the credential that the provider gave, if it is for your key; with the territory's address and its root
      certificate (PEM) its signature is checked too, and both are remembered. Without FILE the newest credential is
      fetched from there, of MEMBER or of who you are already
  webizen member show [--member DIR] [--json]
      who you are, what the territory vouches for, and until when
  webizen member rotate [--member DIR]
      make the next key, vouched for by the present one; send DIR/next-rotation.jws to the provider. The next key takes
      over when you accept the credential for it

DIR holds the private key and is for you alone. --member is the environment variable WEBIZEN_MEMBER, or ~/.webizen,
unless it is given.
`;

const app = `webizen app: an app from skeleton to release

  webizen app init DIR --id ID [--name NAME] [--template node|typescript|python|shell]
      a small app that works; ID is a reverse-domain name of yours, such as example.visits
  webizen app check [DIR] [--json]
      say everything that is wrong with DIR/webizen.json
  webizen app dev [DIR] [--once] [--sandbox bubblewrap|none | --podman SOCKET] [--reach NAME=HOST:PORT …]
      run the app on a simulated box on this machine, with the box's own software: what the manifest asks for is granted,
      and a change of its files starts it again. In bubblewrap where that works, else without a sandbox; or what
      webizen app build made, in podman as on a box, and again each time that it is built. At a terminal keys switch
      faults on and off. With --reach a name leads to a server of yours; with --once it is run until it is well, the API
      is tried as it has it, and the exit code tells
  webizen app dev fault NAME [on|off] [DIR]
      the same faults from another terminal or a script, the other way round than now unless said:
${devFaultNames.map((name) => `        ${name.padEnd(9)} ${devFaults[name].about}`).join('\n')}
  webizen app base --node FILE --out DIR
  webizen app base --from-folder ROOT [--architecture amd64|arm64] --out DIR
      pack a node executable and its libraries as the base layer that Node apps share; or a root filesystem of yours, with
      another interpreter and what it needs
  webizen app build [DIR] --base DIR
  webizen app build [DIR] --oci ARCHIVE [--architecture amd64|arm64]
      make the image of DIR/app on the base layer, or take the one in an OCI archive of podman, docker or buildah
  webizen app sign [DIR] [--whole] [--staple] [--out FILE] [--member DIR] [--catalogue URL --ca FILE]
      sign manifest and image, and write the archive (.wza); --whole puts the base layer in as well, --staple what
      the territory says now: how you stand, and that the app has passed to you from another
  webizen app inspect FILE [--base DIR] [--catalogue URL --ca FILE] [--json]
      verify an archive and say what it is, offline; --base has the layers left out of it, and with the territory's
      address its credential is verified as well
  webizen app publish [DIR|FILE] [--box ID …] [--rollout 5,25,100 [--stop-at 10%] [--hold-hours 24]]
                      [--catalogue URL --ca FILE] [--member DIR]
      send what the catalogue lacks, then the release; again after a cut it goes on where it was. With --box only
      these boxes see it. With --rollout it reaches so many percent of the boxes after each other: a wave goes on when it
      has been out for the hours and enough boxes took it, and all stops when more than --stop-at of them fail
  webizen app rollout show RELEASE [--json] [--catalogue URL --ca FILE] [--member DIR]
      how far it is, and what became of it on each box: the outcome, with the code and its reason
  webizen app rollout pause|resume|abort|next|complete RELEASE [--reason TEXT] [--catalogue URL --ca FILE] [--member DIR]
      pause reaches no more boxes until resume; next does not wait for the wave; complete is for every box at once; after
      abort no box that does not run it takes it any more
  webizen app status [DIR|ID] [--json] [--catalogue URL --ca FILE] [--member DIR]
      the releases of the app at the catalogue, their rollouts, and how many boxes told which outcome
  webizen app offer RELEASE|ID --link LINK … | --all [--message TEXT] [--days N] [--catalogue URL --ca FILE] [--member DIR]
      tell the owners of boxes that are linked with you; of ID the newest release. It stands for 30 days, and a private
      release can be seen there meanwhile
  webizen app offer RELEASE|ID --link LINK … | --all --withdraw [--catalogue URL --ca FILE] [--member DIR]
      offer it no more
  webizen app claim DOMAIN [--json] [--catalogue URL --ca FILE] [--member DIR]
      prove that a domain is yours, so that the ids below it are: says which TXT record to publish, and has the catalogue
      look for it each time you run it
  webizen app withdraw RELEASE --reason TEXT [--catalogue URL --ca FILE] [--member DIR]
      no box installs it any more

  webizen app messages keygen [DIR] [--member DIR]
      make the key that boxes encrypt the app's messages to: the private half into the member's folder, the public one
      into DIR/webizen.json
  webizen app messages follow [DIR|ID] [--count N] [--json] [--catalogue URL --ca FILE] [--member DIR]
      print each message of the app as it comes, decrypted and verified, and acknowledge it
  webizen app messages send DIR|ID JSON --box BOX --name NAME [--wait] [--catalogue URL --ca FILE] [--member DIR]
  webizen app messages send DIR|ID --file FILE --box BOX --name NAME [--wait] [--catalogue URL --ca FILE] [--member DIR]
      write to the app on a box that has written; --wait until the box has it

DIR is the folder you are in unless it is given. What is built lies in DIR/.webizen. The time that a release states is now,
or SOURCE_DATE_EPOCH in seconds.
`;

const link = `webizen link: with which boxes you are linked

  webizen link CODE [--note TEXT] [--catalogue URL --ca FILE] [--member DIR]
      ask to be linked with the box whose owner tells you the code; TEXT is what you call this customer, and the owner
      reads it. Nothing comes of it before the owner has confirmed it
  webizen link list [--json] [--catalogue URL --ca FILE] [--member DIR]
      your links: how each stands, and what of your own apps is offered and installed there
  webizen link end LINK [--catalogue URL --ca FILE] [--member DIR]
      end a link, with all that is offered over it
`;

const backup = `webizen backup: an owner's backup, away from the box

  webizen backup verify FILE [--code-file FILE] [--json]
      read it to its end and say whether it is whole, was made by a box that has this code, and its ledger holds together
  webizen backup list FILE [--code-file FILE] [--json]
      say what is in it
  webizen backup ledger FILE [--code-file FILE]
      print the ledger that is in it, for webizen ledger verify
  webizen backup identity [--code-file FILE]
      print what the age tool opens it with: age --decrypt --identity - gives a tar

The code stands in a file, or in the environment variable WEBIZEN_BACKUP_CODE.

Exit codes: 0 it is whole, 1 it is not or does not open, 2 the command line is wrong.
`;

const ledger = `webizen ledger: what a box has written down about itself

  webizen ledger verify FILE [--root CERTIFICATE] [--json]
      check an exported ledger offline, and say where it breaks; with the territory's root certificate (PEM) the
      provider's receipt in it is checked too

  webizen ledger receipt FILE [--ledger EXPORT] [--json]
      check what an owner agreed to for one app, by the entries in the receipt, and that they stand in the exported ledger

Exit codes: 0 it is whole, 1 it is not or could not be checked, 2 the command line is wrong.
`;

const register = `webizen register: what a territory has decided about its members

  webizen register audit TERRITORY --catalogue URL --ca FILE [--seen FILE] [--keys keys.json] [--json]
      read the whole register, which is open to everybody, and check its chain, its signatures and its Merkle tree
      (RFC 9162). With --seen the head is kept in FILE, and the next audit holds the register against it: nothing may have
      been changed or left out since. --keys are the territory's keys as you believe them; else those that it serves

Exit codes: 0 it is whole, 1 it is not or could not be checked, 2 the command line is wrong.
`;

const cases = `webizen case: what is held against you as a member, and what you say to that

  webizen case list [--json] [--catalogue URL --ca FILE] [--member DIR]
      each with what is due next, by whom and until when
  webizen case show CASE [--json] [--catalogue URL --ca FILE] [--member DIR]
      its steps, and what was said in it: the notice, records of hearings, your own statements, each with its signature
      verified. Save what --json prints: it is your evidence
  webizen case answer CASE FILE [--catalogue URL --ca FILE] [--member DIR]
      your answer, signed with your key. Nothing is decided before your time to answer is over; more than one is taken
  webizen case review CASE FILE [--catalogue URL --ca FILE] [--member DIR]
      ask the panel that reviews to look at what was decided, and say why. While you are suspended or expelled too
`;

const officer = `webizen officer: decide about members as an officer of a territory

  webizen officer keygen --name OFFICE --out FILE
      make your key, for you alone, and print what the panel says of you. OFFICE is public for ever: the name of your office
      rather than yours
  webizen officer resolve suspend|reinstate|expel|succeed|dismiss|condition|uphold|overturn --territory T --member ID --reason TEXT --decided-by TEXT
                          [--case CASE] [--review-days 30] [--condition TEXT]
                          [--review TEXT] [--successor ID] [--apps 'APP, APP'] [--panel standing|review] --out FILE
  webizen officer resolve panel --territory T --of standing|review --document FILE [--panel standing|review] --out FILE
      draw up what is to be resolved. Nothing is sent to anybody. A member is suspended or expelled in a case, once its time
      to answer is over: name the case. dismiss and condition end one too; uphold and overturn are for the panel that
      reviews, as is reinstate where a suspension or an expulsion is overturned
  webizen officer show FILE
  webizen officer sign FILE --key KEY --out SIGNATURE
      read it, and sign it. The provider carries it out when enough of you have, within 90 days, once; resolution and
      signatures stand in the public register
`;

const conformance = `webizen conformance: every promise of the standard API, tried

  webizen conformance SOCKET|URL [--json]
      against the socket of an app, or an implementation at http://HOST:PORT: one line a promise, with what was expected
      and seen where it is not kept. What the owner has not granted to the app is not tried: grant all for a full trial,
      and a quota of a few MiB, so that it can be reached. The app itself is best at rest meanwhile

What is written into the storage is deleted again; in the owner's console one notification stays, and to the maker of
the app goes one message under the name webizen-conformance.

Exit codes: 0 nothing failed, 1 something did or nothing answers, 2 the command line is wrong.
`;

const agreement = `webizen agreement: what owners have agreed to with you

  webizen agreement list [--json] [--catalogue URL --ca FILE] [--member DIR]
      each with its plan, the class that the owner stated, its price, and whether it holds. Whose box it is you are not
      told; an app that counts finds the name of its agreement at GET /v1/metering
  webizen agreement usage [--json] [--catalogue URL --ca FILE] [--member DIR]
      the statements of each month: what was counted, in sums. The entries your app finds at GET /v1/metering/entries
  webizen agreement income [--json] [--catalogue URL --ca FILE] [--member DIR]
      what owners were charged, what territory and alliance keep of it, and what is yours, by the month in which it was
      closed and the month that it is about
`;

export const helpOf: Record<string, string | undefined> = {
  case: cases,
  ...{ agreement, member, app, link, ledger, backup, officer, register, conformance },
};
