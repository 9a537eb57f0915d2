/**
 * How a test gives the guest what the image does not have: systemd takes credentials from QEMU's firmware table and from the
 * kernel's command line, among them units and drop-ins (systemd.system-credentials(7)). So no image holds the shell below.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Told {
  /** Arguments of QEMU. */
  args: string[];
  /** For the kernel's command line, which holds 2048 bytes. */
  words: string[];
}

const longest = 55; // bytes of a name in QEMU's firmware table

/** @param folder where texts are put for QEMU to read when it starts */
export function told(folder: string, credentials: Record<string, string>): Told {
  const [args, words]: [string[], string[]] = [[], []];
  for (const [index, [name, text]] of Object.entries(credentials).entries()) {
    const place = `opt/io.systemd.credentials/${name}`;
    const file = path.join(folder, String(index));
    if (place.length <= longest) {
      writeFileSync(file, text);
      args.push('-fw_cfg', `name=${place},file=${file}`);
    } else words.push(`systemd.set_credential_binary=${name}:${Buffer.from(text).toString('base64')}`);
  }
  return { args, words };
}

const port = '/dev/virtio-ports/org.webizen.kit';

/** The port that the guest's shell is spoken to by, at this socket. */
export const shellDevices = (socket: string): string[] => [
  ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=kit,path=${socket},server=on,wait=off`],
  ...['-device', 'virtserialport,chardev=kit,name=org.webizen.kit'],
];

/**
 * A line a script: `BOOT NUMBER SCRIPT`, with the script in base64. Answered by `taken BOOT NUMBER`, and at its end by
 * `ended BOOT NUMBER STATUS OUTPUT`. What was meant for the boot before is passed over.
 */
const serve = `
until [ -e ${port} ]; do sleep 0.2; done
exec 3<>${port}
boot=$(cat /proc/sys/kernel/random/uuid)
echo "ready $boot" >&3
while read -r to number script <&3; do
  [ "$to" = "$boot" ] || continue
  echo "taken $boot $number" >&3
  base64 -d <<<"$script" >/run/kit.script
  bash /run/kit.script </dev/null >/run/kit.output 2>&1 3>&-
  status=$?
  echo "ended $boot $number $status $(base64 -w0 /run/kit.output)" >&3
done
`;

/** From early on to the end: a guest that does not come up can be looked into too. Its name is short for the firmware table. */
const unit = `[Unit]
Description=The test's shell
DefaultDependencies=no
StartLimitIntervalSec=0
[Service]
Environment=HOME=/root
ExecStart=/bin/bash /run/credentials/@system/kit.shell
Restart=always
RestartSec=1
OOMScoreAdjust=-900
`;

export const shellCredentials: Record<string, string> = { 'kit.shell': serve, 'systemd.extra-unit.k.service': unit };
export const shellWords = 'systemd.wants=k.service';
