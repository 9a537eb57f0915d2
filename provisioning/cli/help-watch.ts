/** What the commands that watch the fleet say of themselves: part of help.ts. */
export const fleetHelp = `webizen-provider fleet: all boxes at a glance, as a table, and one by one; the console does the same

  fleet glance --dir D [--json]
      how many need care, are in which state, have which condition, version, model and place; what changed in a day
  fleet list --dir D [FILTER] [--saved NAME] [--sort S] [--reverse] [--all] [--cursor C] [--json|--csv]
      100 boxes, those that need care first; --all goes on to the end, with --json a page a line
  fleet show ID --dir D [--json]
  fleet history ID --dir D [--last 1d] [--metric NAME]... [--limit N] [--json|--csv]
      what it measured, evenly thinned to N (100, 500 at most); where a row stands for several samples, their average,
      and the least and the most of them
  fleet events --dir D [--box ID] [--type TYPE] [--limit N] [--before ID] [--json|--csv]
      what happened, the newest N (100) of these, oldest first
  fleet about ID --dir D [--label TEXT] [--place TEXT] [--json]
      says whose box it is and where it stands; an empty text takes that back
  fleet command KIND --boxes N FILTER --dir D [--by TEXT] [--expires 1d] [--json]
      asks the same of every box that matches; N is how many you mean: where another number matches, nothing is asked.
      KIND and what it needs: see webizen-provider box --help
  fleet filters --dir D [--json|--csv]
  fleet save NAME --dir D FILTER [--json]
      keeps a filter under a name, for every operator; forget NAME deletes it

  FILTER is any of these, and all that are said must hold; one said twice holds for either:
    --state enrolled|online|offline|revoked|left    --care trouble|attention|good|none
    --condition KIND   --severity trouble|attention|info   --agent VERSION   --model TEXT   --place TEXT
    --search TEXT      words that are part of id, label, place or the serial number of the device
  S is attention (the worst first), lastSeen (the longest unheard), id or agent (the oldest version)

Examples:
  webizen-provider fleet list --dir D --care trouble --place Levin
  webizen-provider fleet list --dir D --all --csv > boxes.csv
  webizen-provider fleet history box-8f3kq0vz7ahm --dir D --last 30d --metric hw.temperature --csv
  webizen-provider fleet events --dir D --type refused --limit 20
  webizen-provider fleet command refresh --boxes 12 --dir D --agent 0.9.0

Other acts of the console: alert, operator, audit, box, claim and request, each with --help.
Works while the server runs and while it does not; without it, nobody is online.
`;

export const alertHelp = `webizen-provider alert: what fires, who has seen it, and whom it is told to; the console does the same

  alert list --dir D [--json|--csv]
      each rule, and for how many boxes it fires
  alert show RULE --dir D [--json|--csv]
      the boxes that a rule fires for, or waits for
  alert acknowledge RULE [BOX] --dir D [--note TEXT] [--for 8h] [--by NAME] [--json]
      you have seen it: what fires of the rule now, or that of one box; with --for it is told again if it still fires then
  alert silences --dir D [--json|--csv]
  alert silence --for 8h --reason TEXT --dir D [--rule RULE] [--box ID] [--place TEXT] [--model TEXT]
                [--label-prefix TEXT] [--by NAME] [--json]
      what matches all of it is not told while it lasts; it is still shown
  alert end-silence ID --dir D [--json]
  alert rules --dir D [--json|--csv]
  alert add-rule --name TEXT --when KIND --dir D [HOW] [--json]
  alert set-rule RULE --dir D [--name TEXT] [--when KIND] [HOW] [--json]
      what is not said stays as it was; an empty --place, --model or --label-prefix takes it back
  alert remove-rule RULE --dir D [--json]
  alert webhooks --dir D [--json|--csv]
  alert add-webhook NAME --url URL --dir D [--json]
      prints the secret that its deliveries are signed with, once
  alert test-webhook ID --dir D [--json]
  alert remove-webhook ID --dir D [--json]
  alert mail --dir D [--json|--csv]
  alert set-mail --host H --from ADDRESS --to ADDRESS... --dir D [--security starttls|tls|none] [--port N]
                 [--user NAME --password-file F] [--ca-file F] [--every 5m] [--json]
      what fires is mailed too: all of it together, at most one mail in the time that --every says
  alert test-mail --dir D [--json]
  alert remove-mail --dir D [--json]

  KIND is one of
    condition     [--condition KIND]... [--least trouble|attention|info]
    offline, cloned
    certificate   --within 10d
    gaps          --samples N
    refusals      --count N --within 1h
  HOW is any of
    --severity attention|trouble      --for 10m      it must hold for so long before it fires (0s)
    --clear 5m                        it must be over for so long before it is resolved
    --place TEXT   --model TEXT   --label-prefix TEXT
    --webhook ID... | --all-webhooks | --no-webhook     --mail | --no-mail     --on | --off

Examples:
  webizen-provider alert list --dir D
  webizen-provider alert acknowledge offline box-8f3kq0vz7ahm --note "the owner moves house" --dir D
  webizen-provider alert silence --place Levin --for 4h --reason "the mains are renewed" --dir D
  webizen-provider alert add-rule --name "Hot in Levin" --when condition --condition hot --for 10m --place Levin --dir D
  webizen-provider alert set-mail --host mail.example --user box --password-file smtp.txt --from box@example --to on-call@example --dir D
  webizen-provider alert set-rule offline --for 2h --dir D

Works while the server runs; while it does not, it shows what fired last, and nothing new is found or sent.
`;
