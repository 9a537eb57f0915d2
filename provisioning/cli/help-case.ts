/** What `case --help` says. */
export const caseHelp = `webizen-provider case: how a member is heard before anything is decided about it

  case open MEMBER FILE --by OFFICE --dir D [--kind complaint|finding]
      FILE is the complaint, or what was found. It stays here; the register has its hash, the member's id and OFFICE
  case notice CASE FILE --dir D [--days 14] [--out NOTICE]
      tells the member what is held against it, and until when it can answer: 7 to 90 days. It reads that with
      webizen case show; NOTICE is the same as a signed document, to be sent as well. Given again, it can only give more time
  case receive CASE FILE --dir D [--review]
      the member's answer, or with --review that it asks for review, where it came on paper
  case hearing CASE FILE --dir D
      the record of a hearing: who was there and what was said, or that the member was invited and did not come
  case court CASE FILE --court NAME --outcome confirmed|annulled|other --dir D
      what a court decided. The panel reinstates a member whose decision was annulled
  case close CASE --reason TEXT --by OFFICE --dir D
      when nothing is due any more; or before anything was decided, where nothing will be
  case list --dir D [--member ID] [--json]
      each with what is due next, by whom and until when
  case show CASE --dir D [--json]
  case document CASE SHA256 --dir D --out FILE
      a text of it, as it was signed

OFFICE, the reason of closing and the name of a court stand in the public register for ever: name no person. What is said
stays in the texts.

What officers decide in a case is drawn up with webizen officer resolve --case, and carried out with member resolve. Until
then the member can be suspended for some days: member suspend --interim-days N --case CASE.
Works while the server runs and while it does not.
`;
