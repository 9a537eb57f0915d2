/**
 * The voucher's JSON (RFC 8366 section 5.3), which says that a box belongs to a territory's domain. It travels in a CMS
 * SignedData (common/pki/voucher.ts) by the box's maker.
 */
import { type Static, Type } from 'typebox';
import { Serial } from './label.js';

/** RFC 3339 in UTC, whole seconds. */
const DateTime = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?Z$' });

export const Voucher = Type.Object(
  {
    'ietf-voucher:voucher': Type.Object(
      {
        'created-on': DateTime,
        'expires-on': Type.Optional(DateTime),
        assertion: Type.Union([Type.Literal('verified'), Type.Literal('logged'), Type.Literal('proximity')]),
        'serial-number': Serial,
        'pinned-domain-cert': Type.String({ maxLength: 8192, pattern: '^[A-Za-z0-9+/]+={0,2}$' }),
        'domain-cert-revocation-checks': Type.Optional(Type.Boolean()),
        /** Ours, named as an augmentation is (RFC 7951 section 4): the id in the alliance's directory. */
        'webizen-voucher:territory': Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' })),
      },
      { additionalProperties: true },
    ),
  },
  { $id: 'Voucher', additionalProperties: false },
);
export type Voucher = Static<typeof Voucher>;

export const voucherTime = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
