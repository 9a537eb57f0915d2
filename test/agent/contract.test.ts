import { readFile } from 'node:fs/promises';
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import t from 'tap';
import { Type } from 'typebox';
import { version } from '#common/version.js';
import { isBoxId, newBoxId } from '#contract/box-id.js';
import { claimCodeHash, newClaimCode, parseClaimCode } from '#contract/claim-code.js';
import { buildCursor, parseCursor } from '#contract/cursor.js';
import { namesEtag } from '#contract/etag.js';
import { Sample } from '#contract/health.js';
import { metricNamePattern, metrics } from '#contract/metrics.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Problem, problem, problemCodes, Refusal } from '#contract/problems.js';
import { buildTopic, isOwnDownFilter, parseTopic, shardOf, type Topic } from '#contract/topics.js';
import { buildHead, parseHead, valueIn } from '../../agent/storage/record.js';
import { operations } from '../../sdk/client/api.js';
import { specFiles } from '../support/spec.js';

const segment = fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/);
const boxId = fc.stringMatching(/^[a-z0-9-]{8,40}$/);
const topic: fc.Arbitrary<Topic> = fc.oneof(
  fc.record({
    box: boxId,
    direction: fc.constant('up'),
    kind: fc.constantFrom('status', 'health', 'event', 'reported', 'live'),
  }),
  fc.record({ box: boxId, direction: fc.constant('up'), kind: fc.constant('result'), command: segment }),
  fc.record({ box: boxId, direction: fc.constant('down'), kind: fc.constantFrom('ack', 'desired') }),
  fc.record({ box: boxId, direction: fc.constant('down'), kind: fc.constant('command'), command: segment }),
  fc.record({
    box: boxId,
    direction: fc.constantFrom('up', 'down'),
    kind: fc.constant('app'),
    app: segment,
    name: segment,
  }),
) as fc.Arbitrary<Topic>;

t.test('a topic that was built is parsed to what it was built from', async (t) => {
  fc.assert(fc.property(topic, (one) => t.same(parseTopic(buildTopic(one)), one)));
});

t.test('whatever else a topic is, it is no topic: it is refused or is what would be built', async (t) => {
  const damaged = fc.tuple(topic, fc.nat(80), fc.string({ maxLength: 3 })).map(([one, at, text]) => {
    const whole = buildTopic(one);
    return whole.slice(0, at) + text + whole.slice(at + text.length);
  });
  const parts = fc.array(fc.oneof(segment, fc.string(), fc.constantFrom('wz', '1', 'up', 'down', '+', '#', '')));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        damaged,
        parts.map((all) => all.join('/')),
      ),
      (text) => {
        const parsed = parseTopic(text);
        return parsed === undefined || buildTopic(parsed) === text;
      },
    ),
  );
  const box = 'box-aaaaaaaa';
  for (const wild of [`wz/1/${shardOf(box)}/${box}/up/+`, `wz/1/${shardOf(box)}/${box}/up/#`, 'wz/1/#', '$SYS/x'])
    t.equal(parseTopic(wild), undefined, wild);
  t.equal(parseTopic(buildTopic({ box, direction: 'up', kind: 'health' }).replace(/\/..\//, '/zz/')), undefined);
});

t.test('a box may subscribe below its own down/ and nowhere else', async (t) => {
  fc.assert(
    fc.property(boxId, boxId, fc.constantFrom('#', '+', 'ack', 'command/+', 'app/+/+'), (box, other, rest) => {
      const own = `wz/1/${shardOf(box)}/${box}/down/${rest}`;
      const others = `wz/1/${shardOf(other)}/${other}/down/${rest}`;
      return isOwnDownFilter(box, own) && (box === other || !isOwnDownFilter(box, others));
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => !isOwnDownFilter('box-aaaaaaaa', text)));
  t.pass();
});

t.test('a claim code is read however it is written, and every single slip is found', async (t) => {
  const code = fc.integer().map(() => newClaimCode());
  const alphabet = [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'];
  fc.assert(
    fc.property(code, (one) => {
      const plain = one.replaceAll('-', '');
      const sloppy = ` ${one.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l')} `;
      if (parseClaimCode(one) !== plain || parseClaimCode(sloppy) !== plain) return false;
      for (let at = 0; at < plain.length; at++) {
        for (const wrong of alphabet)
          if (wrong !== plain[at] && parseClaimCode(plain.slice(0, at) + wrong + plain.slice(at + 1))) return false;
        for (let to = at + 1; to < plain.length; to++) {
          if (plain[at] === plain[to]) continue;
          const swapped = [...plain];
          [swapped[at], swapped[to]] = [plain[to]!, plain[at]!];
          if (parseClaimCode(swapped.join(''))) return false;
        }
      }
      return true;
    }),
    { numRuns: 20 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const parsed = parseClaimCode(text);
      return parsed === undefined || /^[0-9A-HJKMNP-TV-Z]{20}$/.test(parsed);
    }),
  );
  t.match(claimCodeHash(newClaimCode()), /^[0-9a-f]{64}$/);
  t.ok(isBoxId(newBoxId()));
});

t.test('a cursor says where a listing stopped, and to that listing alone', async (t) => {
  const text = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(text, text, text, (prefix, rest, other) => {
      const cursor = buildCursor(prefix, prefix + rest);
      return parseCursor(prefix, cursor) === prefix + rest && (other === prefix || !parseCursor(other, cursor));
    }),
  );
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: 'binary' }), (prefix, cursor) => {
      const parsed = parseCursor(prefix, cursor);
      return parsed === undefined || buildCursor(prefix, parsed) === cursor;
    }),
  );
  const json = fc.json().map((one) => Buffer.from(one).toString('base64url'));
  fc.assert(fc.property(fc.string(), json, (prefix, cursor) => parseCursor(prefix, cursor) === undefined));
  t.pass();
});

t.test('conditions of any shape are compared, never broken on', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (list, weak) => {
      const names = namesEtag(list, '"1"', weak);
      return (
        names ===
        (list.trim() === '*' || list.split(',').some((one) => ['"1"', ...(weak ? ['W/"1"'] : [])].includes(one.trim())))
      );
    }),
  );
  t.equal(namesEtag('*', undefined, true), false);
});

t.test('outside bytes are parsed, or every fault is named with its place', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const parsed = parseJson(Sample, bytes);
      return parsed.ok || (parsed.faults.length > 0 && describeFaults(parsed.faults).length > 0);
    }),
  );
  fc.assert(fc.property(fc.json(), (text) => parseJson(Type.Unknown(), text).ok));
  const parsed = check(Sample, { seq: 0, at: 'x', values: { ' ': 1, 'system.uptime': 'y' }, more: 1 });
  t.equal(parsed.ok, false);
  if (parsed.ok) return;
  const places = parsed.faults.map((fault) => fault.path);
  for (const place of ['/seq', '/at', '/more', '/values/system.uptime']) t.ok(places.includes(place), place);
  t.same(parseJson(Sample, Buffer.from([0xff])).ok, false, 'not UTF-8');
});

t.test('a form that has a long pattern is told by what it is', (t) => {
  const codes = Array.from({ length: 60 }, (_, index) => `C${index}`).join('|');
  const Long = Type.String({ pattern: `^(?:${codes})$`, description: 'one of our codes, such as C1' });
  const Inside = Type.Object({ 'a/b': Type.Array(Type.Union([Type.Object({ code: Long }), Type.Null()])) });
  const told = check(Inside, { 'a/b': [{ code: 'none' }] });
  t.match(told, { ok: false, faults: [{ path: '/a~1b/0/code', message: 'must be one of our codes, such as C1' }] });
  t.match(check(Type.String({ pattern: '^a$', description: 'an a' }), 'b'), {
    faults: [{ message: 'must match pattern "^a$"' }],
  });
  t.end();
});

t.test('a stored record is read as it was written', async (t) => {
  const head = fc.record({
    revision: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    modifiedAt: fc.nat({ max: 8.64e15 }),
    sizeBytes: fc.nat({ max: 2 ** 32 - 1 }),
    contentType: fc.stringMatching(/^[\x21-\x7e]{1,200}$/),
    apart: fc.boolean(),
  });
  fc.assert(
    fc.property(head, fc.uint8Array(), (one, value) => {
      const record = Buffer.concat([buildHead(one), value]);
      t.same(parseHead(record), one);
      return valueIn(record).equals(value);
    }),
  );
  t.throws(() => parseHead(Buffer.alloc(3)), /cannot read/);
  t.throws(() => parseHead(Buffer.alloc(40, 9)), /cannot read/);
});

t.test('every problem has its own code, a status, a sentence and a remedy', async (t) => {
  for (const code of problemCodes) {
    const one = problem(code, 'detail');
    t.ok(check(Problem, one).ok, code);
    t.match(one.title, /[^.]$/, `${code}: a sentence without a full stop`);
    t.ok(one.remedy.length > 5, code);
    t.equal(new Refusal(code).status, one.status);
  }
});

t.test('metric names have the form that samples are checked for', async (t) => {
  for (const name of Object.keys(metrics)) t.match(name, new RegExp(metricNamePattern));
  const { version: published } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  t.equal(version, published);
});

t.test('the published specification is what the code says; make spec writes it anew', async (t) => {
  const files = await specFiles();
  for (const [file, text] of files) t.equal(await readFile(file, 'utf8').catch(() => 'missing'), text, file);

  const document = JSON.parse(files.get('docs/spec/openapi.json') ?? '') as {
    openapi: string;
    paths: Record<string, Record<string, Record<string, unknown>>>;
  };
  t.match(document.openapi, /^3\.1\./);
  t.ok('/v1/storage:batch' in document.paths);
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  );
  t.equal(all.length, Object.keys(operations).length);
  for (const { path, operation } of all) {
    t.notMatch(path, /\*/);
    t.type(operation.operationId, 'string');
    t.ok('x-webizen-capability' in operation, path);
  }
});

t.test(
  'the messages between box and provider are published as AsyncAPI, by its own schema, on topics of the contract',
  async (t) => {
    const document = JSON.parse((await specFiles()).get('docs/spec/asyncapi.json') ?? '') as {
      channels: Record<string, { address: string }>;
      operations: Record<string, { action: string; bindings: { mqtt: { qos: number; retain: boolean } } }>;
      components: { messages: Record<string, { contentType: string; payload: object }> };
    };
    const judge = new Ajv({ strict: false, validateFormats: false, allErrors: true });
    const valid = judge.compile(specs.schemasWithoutId['3.0.0']);
    t.ok(valid(document), JSON.stringify(valid.errors?.slice(0, 3)));

    const box = 'wb-0001-abcd';
    for (const [name, { address }] of Object.entries(document.channels)) {
      const topic = address
        .replace('{box}', box)
        .replace('{shard}', shardOf(box))
        .replace('{app}', 'example.visits')
        .replace('{name}', 'note')
        .replace('{command}', '0123456789abcdef');
      const parsed = parseTopic(topic);
      t.equal(parsed && `${parsed.direction}.${parsed.kind}`, name, topic);
      const operation = document.operations[name];
      t.equal(operation?.action, parsed?.direction === 'up' ? 'send' : 'receive');
      t.equal(
        operation?.bindings.mqtt.retain,
        ['up.status', 'up.reported', 'down.desired'].includes(name),
        `${name}: retained or not`,
      );
    }
    const payload = judge.compile(document.components.messages['up.health']?.payload ?? false);
    t.ok(payload({ epoch: '0123456789abcdef', samples: [{ seq: 1, at: 0, values: { 'system.memory.usage': 1 } }] }));
    t.notOk(payload({ epoch: 'other', samples: [] }));
  },
);
