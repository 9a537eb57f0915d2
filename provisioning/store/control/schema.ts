/**
 * The control plane's own tables, with numbers of their own. As in postgres/schema.ts each is one transaction, and what
 * stands here has run somewhere and is not edited.
 */
export const controlMigrations: readonly string[] = [
  `
-- One row: who may write, and how often it was written. Each owner has a higher token than the one before.
CREATE TABLE control (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  -- 'elsewhere': in the level store of one machine. 'moving': on the way. 'here': nowhere else.
  state text NOT NULL DEFAULT 'elsewhere',
  -- Of the level store that they come from, so that another is not taken for it.
  origin text NOT NULL DEFAULT '',
  token bigint NOT NULL DEFAULT 0,
  holder text NOT NULL DEFAULT '',
  expires timestamptz NOT NULL DEFAULT '-infinity',
  -- The number of the last commit, and up to which what was deleted is forgotten.
  written bigint NOT NULL DEFAULT 0,
  pruned bigint NOT NULL DEFAULT 0,
  -- Name to SHA-256 of each file that whoever serves must have, as it is on the machine that served last.
  machine text NOT NULL DEFAULT '',
  files json NOT NULL DEFAULT '{}'
);
INSERT INTO control DEFAULT VALUES;

-- Who stands by, as each has said last, and what keeps it from taking over.
CREATE TABLE control_standbys (
  machine text PRIMARY KEY,
  name text NOT NULL,
  why text,
  seen timestamptz NOT NULL
);

-- Each with the number of the commit that wrote it last. NULL: deleted then.
CREATE TABLE control_records (
  key bytea PRIMARY KEY,
  value bytea,
  written bigint NOT NULL
);
CREATE INDEX control_records_written ON control_records (written);
CREATE INDEX control_records_deleted ON control_records (written) WHERE value IS NULL;
`,
];
