/** What a failed query comes to: who asks branches on our codes, not on those of PostgreSQL and the network. */
import { Refusal } from '#contract/problems.js';
import { Conflict } from '../fleet.js';

/** Of classes of SQLSTATE: connection exceptions, and a server that goes down or comes up. */
const away = /^(08|57P|53300|58)/;
const denied = new Set(['28P01', '28000', '3D000', '42501']);
/** Serialisation failures, deadlocks and locks that were not given in time. */
const contended = new Set(['40001', '40P01', '55P03']);
const network = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['EPIPE', 'ENOENT', 'EACCES', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'],
]);
const gone = /connection terminated|connection ended|timeout|not queryable|client was closed|closed the connection/i;

export function faultOf(error: unknown): unknown {
  if (error instanceof Refusal || error instanceof Conflict || !(error instanceof Error)) return error;
  const { code = '' } = error as { code?: string };
  if (code === '53100') return new Refusal('disk-full', 'in the database', { cause: error });
  if (denied.has(code)) return new Refusal('database-denied', error.message, { cause: error });
  if (contended.has(code)) return new Conflict(error.message, { cause: error });
  if (away.test(code) || network.has(code) || gone.test(error.message))
    return new Refusal('database-unreachable', error.message || code, { cause: error });
  return error;
}
