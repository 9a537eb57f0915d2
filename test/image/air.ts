/**
 * Wi-Fi in a guest that has none: three radios of mac80211_hwsim. The first is the box's; the home's router and a phone have
 * the others, each in a network namespace of its own, so that nothing goes between them but through the air.
 */

/** Makes the radios, and takes the network card away as if its cable had never been there. Run once a boot. */
export const airScript = `set -e
modprobe mac80211_hwsim radios=3
until [ -e /sys/class/net/wlan2/phy80211/name ]; do sleep 0.2; done
for name in wlan1 wlan2; do
  unshare --net sleep infinity >/dev/null 2>&1 &
  echo $! >/run/air.$name
  until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
  iw phy "$(cat /sys/class/net/$name/phy80211/name)" set netns $!
done
cat >/run/air.lib <<'END'
router() { nsenter -t "$(cat /run/air.wlan1)" -n "$@"; }
phone() { nsenter -t "$(cat /run/air.wlan2)" -n "$@"; }
await() { for turn in $(busybox seq "$1"); do "\${@:2}" >/dev/null 2>&1 && return; sleep 1; done; return 1; }
opened() { busybox ip address show wlan0 | grep -q 'inet 10.42.0.1/'; }
joined() { busybox ip address show wlan0 | grep -q 'inet 192.168.50.'; }
END
cat >/run/router.conf <<'END'
network={
ssid="Home"
mode=2
frequency=2437
key_mgmt=WPA-PSK
proto=RSN
pairwise=CCMP
psk="right password"
}
END
. /run/air.lib
router wpa_supplicant -B -i wlan1 -D nl80211 -c /run/router.conf -f /run/router.log
router busybox ip address add 192.168.50.1/24 dev wlan1
router dnsmasq --conf-file=/dev/null --interface=wlan1 --bind-interfaces --port=0 --pid-file=/run/router.pid \\
  --dhcp-range=192.168.50.10,192.168.50.50,1h --dhcp-leasefile=/run/router.leases
for card in /sys/bus/virtio/drivers/virtio_net/virtio*; do
  basename "$card" >/sys/bus/virtio/drivers/virtio_net/unbind
done
`;

/** The phone joins the box's own network with what the paper says, and asks for an address. */
export const joinScript = `set -e
. /run/air.lib
paper=/boot/esp/webizen-setup-code.txt
name=$(tr -d '\\r' <$paper | grep -x 'Webizen-....')
password=$(tr -d '\\r' <$paper | grep -Ex '[0-9a-z]{5}-[0-9a-z]{5}-[0-9a-z]{5}')
printf 'ctrl_interface=/run/phone\\nnetwork={\\nssid="%s"\\nkey_mgmt=WPA-PSK\\npsk="%s"\\n}\\n' "$name" "$password" >/run/phone.conf
printf '#!/bin/sh\\n[ "$1" = bound ] || exit 0\\nbusybox ip address flush dev $interface\\nbusybox ip address add $ip/$mask dev $interface\\nbusybox ip route add default via $router\\n' >/run/phone.dhcp
chmod 755 /run/phone.dhcp
[ -e /run/phone/wlan2 ] || phone wpa_supplicant -B -i wlan2 -D nl80211 -c /run/phone.conf -f /run/phone.log
await 120 bash -c '. /run/air.lib; phone wpa_cli -p /run/phone status | grep -q wpa_state=COMPLETED'
phone busybox udhcpc -i wlan2 -q -n -t 20 -s /run/phone.dhcp
`;

/** A program of the phone: what follows may ask the box, under a name, and look names up. It prints what it found as JSON. */
export const onPhone = (program: string): string => `cat >/run/phone.mjs <<'END'
import http from 'node:http';
import { Resolver } from 'node:dns/promises';
const resolver = new Resolver();
resolver.setServers(['10.42.0.1']);
let cookie;
const ask = (method, host, path, body) =>
  new Promise((resolve, reject) => {
    const headers = {
      host,
      ...(method === 'GET' ? {} : { origin: 'http://' + host }),
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(cookie ? { cookie } : {}),
    };
    const asked = http.request({ host: '10.42.0.1', method, path, headers }, (reply) => {
      let text = '';
      reply.on('data', (chunk) => { text += chunk; });
      reply.on('end', () => {
        cookie = reply.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie;
        const json = /json/.test(reply.headers['content-type'] ?? '') ? JSON.parse(text) : undefined;
        resolve({ status: reply.statusCode, location: reply.headers.location, isPage: text.includes('id="app"'), json });
      });
    });
    asked.on('error', reject).end(body && JSON.stringify(body));
  });
const code = process.argv[2];
const found = await (async () => {${program}})();
console.log(JSON.stringify(found));
END
. /run/air.lib
phone node /run/phone.mjs "$(tr -d '\\r' </boot/esp/webizen-setup-code.txt | grep -Ex '[0-9A-Z]{5}-[0-9A-Z]{5}')"
`;
