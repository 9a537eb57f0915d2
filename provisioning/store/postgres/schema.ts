/**
 * The tables, made and changed by numbered migrations: each is one transaction, and never changes what the release before
 * reads or writes (expand now, contract one release later). Times are milliseconds since 1970.
 */

/**
 * What a release adds is added at the end. What stands here has run somewhere and is not edited: a test knows what it was.
 */
export const migrations: readonly string[] = [
  `
-- Whose it is, and whether all that its level store held of boxes is here.
CREATE TABLE territory (
  id text PRIMARY KEY,
  moved boolean NOT NULL DEFAULT false
);

-- What the control plane says of a box (store/fleet.ts, Admission).
CREATE TABLE boxes (
  box text COLLATE "C" PRIMARY KEY,
  admission json NOT NULL
);

-- What a box has said of itself. What changes with every message stands apart from what seldom does.
CREATE TABLE lives (
  box text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  online boolean NOT NULL DEFAULT false,
  changed timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen bigint NOT NULL,
  hot json NOT NULL,
  cold json NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE samples (
  box text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  vals json NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX samples_place ON samples (box, at);
CREATE TABLE samples_other PARTITION OF samples DEFAULT;
CREATE INDEX samples_other_at ON samples_other (at);

-- A day of samples that is being rolled up: up to this place its samples stand in minutes and hours.
CREATE TABLE sealed (
  name text PRIMARY KEY,
  since bigint NOT NULL,
  before bigint NOT NULL,
  box text COLLATE "C" NOT NULL DEFAULT '',
  at bigint NOT NULL DEFAULT 0
);

CREATE TABLE minutes (
  box text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  bucket json NOT NULL,
  PRIMARY KEY (box, at)
) PARTITION BY RANGE (at);
CREATE TABLE minutes_other PARTITION OF minutes DEFAULT;
CREATE TABLE hours (LIKE minutes, PRIMARY KEY (box, at)) PARTITION BY RANGE (at);
CREATE TABLE hours_other PARTITION OF hours DEFAULT;

CREATE TABLE events (
  id text COLLATE "C" PRIMARY KEY,
  at bigint NOT NULL,
  type text NOT NULL,
  box text COLLATE "C",
  event json NOT NULL
);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_box ON events (box, id);
CREATE INDEX events_type ON events (type, id);

-- Who owns which shard of the boxes, by a token that grows with each owner.
CREATE TABLE IF NOT EXISTS workers (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  since timestamptz NOT NULL DEFAULT now(),
  expires timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS shards (
  shard text PRIMARY KEY CHECK (shard ~ '^[0-9a-f]{2}$'),
  owner text REFERENCES workers (id) ON DELETE SET NULL,
  token bigint NOT NULL DEFAULT 0,
  since timestamptz NOT NULL DEFAULT now()
);
INSERT INTO shards (shard) SELECT lpad(to_hex(n), 2, '0') FROM generate_series(0, 255) AS n ON CONFLICT DO NOTHING;
`,
  `
-- Samples and what they came to, packed (store/pack.ts, store/bucket-pack.ts). What lies in samples, minutes and hours is
-- read there until it is past its time; nothing new goes in.
CREATE TABLE sample_packs (
  at bigint NOT NULL,
  -- To the last of its samples, which is of the same day.
  span integer NOT NULL,
  count smallint NOT NULL,
  box text COLLATE "C" NOT NULL,
  pack bytea NOT NULL
) PARTITION BY RANGE (at);
-- What is packed does not become smaller by being packed again.
ALTER TABLE sample_packs ALTER COLUMN pack SET STORAGE EXTERNAL;
CREATE INDEX sample_packs_place ON sample_packs (box, at);
CREATE TABLE sample_packs_other PARTITION OF sample_packs DEFAULT;
ALTER TABLE sample_packs_other ALTER COLUMN pack SET STORAGE EXTERNAL;
CREATE INDEX sample_packs_other_at ON sample_packs_other (at);

-- One row for a box and a day; of hours for ten days.
CREATE TABLE minute_packs (
  at bigint NOT NULL,
  box text COLLATE "C" NOT NULL,
  pack bytea NOT NULL,
  PRIMARY KEY (box, at)
) PARTITION BY RANGE (at);
ALTER TABLE minute_packs ALTER COLUMN pack SET STORAGE EXTERNAL;
CREATE TABLE minute_packs_other PARTITION OF minute_packs DEFAULT;
ALTER TABLE minute_packs_other ALTER COLUMN pack SET STORAGE EXTERNAL;
CREATE TABLE hour_packs (LIKE minute_packs INCLUDING STORAGE, PRIMARY KEY (box, at)) PARTITION BY RANGE (at);
CREATE TABLE hour_packs_other PARTITION OF hour_packs DEFAULT;
ALTER TABLE hour_packs_other ALTER COLUMN pack SET STORAGE EXTERNAL;
`,
];
