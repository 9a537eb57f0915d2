/**
 * A Node program that attacks its own socket from inside a container. `/attacks.json` has what it sends and the names that
 * it asks for; each line that it prints is `name: what came of it`.
 */
export const attackerSource = `
const { connect } = require('node:net');
const path = process.env.WEBIZEN_SOCKET;
const say = (name, outcome) => console.log(name + ': ' + outcome);
const { raws, names } = require('/attacks.json');

/** What is answered until the box closes the connection, as statuses with the codes of refusals. */
const told = (text) =>
  (text.match(/HTTP\\/1\\.1 \\d{3}|"code":"[a-z-]+"/g) ?? ['nothing']).map((one) => one.replace(/HTTP\\/1\\.1 |"code":|"/g, '')).join(' ');
const ask = (bytes) =>
  new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    socket.on('data', (data) => (text += data));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
const held = [];
/** What comes first; the connection stays. */
const hold = (bytes) =>
  new Promise((resolve) => {
    const socket = connect(path);
    held.push(socket);
    socket.on('error', () => resolve('closed'));
    socket.on('close', () => resolve('closed'));
    socket.once('data', (data) => { socket.pause(); resolve(told(String(data)) === '200' ? 'open' : 'refused'); });
    if (bytes) socket.write(bytes);
  });
const letGo = () => Promise.all(held.splice(0).map((socket) => new Promise((resolve) => {
  if (socket.closed) return resolve();
  socket.on('close', resolve).destroy();
})));
const count = (all) => {
  const counts = {};
  for (const one of all) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
};
const many = async (rounds, size, one) => {
  const all = [];
  for (let round = 0; round < rounds; round += 1)
    all.push(...(await Promise.all(Array.from({ length: size }, one))));
  return count(all);
};
const json = (method, target, body) =>
  method + ' ' + target + ' HTTP/1.1\\r\\nHost: box\\r\\nConnection: close\\r\\nContent-Type: application/json\\r\\nContent-Length: ' +
  Buffer.byteLength(body) + '\\r\\n\\r\\n' + body;
const tunnel = (authority) => ask('CONNECT ' + authority + ' HTTP/1.1\\r\\nHost: ' + authority + '\\r\\n\\r\\n');

(async () => {
  for (const [name, text] of Object.entries(raws)) say(name, told(await ask(Buffer.from(text, 'latin1'))));

  for (const [name, trickle] of Object.entries({
    'slow heads': 'GET /v1/self HTTP/1.1\\r\\nHost: box\\r\\nX: ',
    'slow bodies': 'PUT /v1/storage/x HTTP/1.1\\r\\nHost: box\\r\\nContent-Length: 100000\\r\\n\\r\\n',
  })) {
    const slow = Array.from({ length: 60 }, () => new Promise((resolve) => {
      let text = '';
      const socket = connect(path);
      socket.write(trickle);
      const timer = setInterval(() => socket.write('a'), 100); // a trickle
      socket.on('data', (data) => (text += data)).on('error', () => {});
      socket.on('close', () => { clearInterval(timer); resolve(told(text)); });
    }));
    say(name, JSON.stringify(count(await Promise.all(slow))));
  }

  const streams = await many(100, 100, () => hold('GET /v1/events HTTP/1.1\\r\\nHost: box\\r\\n\\r\\n'));
  say('streams', JSON.stringify(streams));
  await letGo();
  const tunnels = await many(1, 60, () => hold('CONNECT shop.example:443 HTTP/1.1\\r\\nHost: shop.example\\r\\n\\r\\n'));
  say('tunnels', JSON.stringify(tunnels));
  for (const socket of held) socket.write(Buffer.alloc(4 * 1024 * 1024)); // comes back, and nobody reads it
  await new Promise((resolve) => setTimeout(resolve, 500));
  await letGo();

  let values = 0;
  let last = '';
  for (; values < 100 && (last === '' || last.startsWith('20')); values += 1) last = told(await ask(json('PUT', '/v1/storage/fill' + values, '1'.repeat(100_000))));
  say('storage', values + ' ' + last);
  say('deleting', told(await ask('DELETE /v1/storage/fill0 HTTP/1.1\\r\\nHost: box\\r\\nConnection: close\\r\\n\\r\\n')));
  let notices = 0;
  last = '';
  for (; notices < 1000 && (last === '' || last.startsWith('20')); notices += 1)
    last = told(await ask(json('POST', '/v1/notifications', JSON.stringify({ title: 'n' + notices, text: 'x'.repeat(400), severity: 'info' }))));
  say('notices', notices + ' ' + last);

  for (const name of names) say(name, told(await tunnel(name + ':443')));
  const turn = await hold('CONNECT turn.example:443 HTTP/1.1\\r\\nHost: turn.example\\r\\n\\r\\n');
  say('turn.example', turn + ', then ' + told(await tunnel('turn.example:443')));
  await letGo();
  say('after all', told(await ask('GET /v1/self HTTP/1.1\\r\\nHost: box\\r\\nConnection: close\\r\\n\\r\\n')));
})();
`;
