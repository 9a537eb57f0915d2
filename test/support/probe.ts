/**
 * Two programs that ask the kernel for one thing: the smallest that an app could bring along. They are machine code
 * (x86-64) because no program of the distribution asks for what is to be refused.
 */

/**
 * `syscall NUMBER ARGUMENT…`, all decimal: ends with 0 where the kernel did it and with the errno where it did not.
 * It reads up to seven numbers of its command line into rax, rdi, rsi, rdx, r10, r8, r9, makes the call, and exits with
 * the negated answer where that is negative.
 */
const syscallCode =
  '4c8b24244c8d6c24104883ec404889e7b90800000031c0f348ab31db49ffcc742883fb077423498b74dd0031c00fb61683ea30780c486bc00a' +
  '4801d048ffc6ebec488904dcffc3ebd3488b0424488b7c2408488b742410488b5424184c8b5424204c8b4424284c8b4c24300f0531ff4885c0' +
  '790548f7d889c7b83c0000000f05';

/** unshare(CLONE_NEWUSER) through the gate of 32-bit programs, int 0x80, where other numbers hold. */
const oldGateCode = 'b836010000bb00000010cd8031ff85c07904f7d889c7b83c0000000f05';

/** ELF-64 (System V gABI) with one segment that is read and run. */
function program(code: string): Buffer {
  const text = Buffer.from(code, 'hex');
  const at = 0x40_0000n;
  const headers = 64 + 56;
  const elf = Buffer.alloc(headers + text.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(elf);
  elf.writeUInt16LE(2, 16); // an executable
  elf.writeUInt16LE(62, 18); // x86-64
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(at + BigInt(headers), 24); // where it begins
  elf.writeBigUInt64LE(64n, 32); // where the segment is described
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64); // loaded
  elf.writeUInt32LE(5, 68); // read, run
  elf.writeBigUInt64LE(at, 80);
  elf.writeBigUInt64LE(at, 88);
  elf.writeBigUInt64LE(BigInt(elf.length), 96);
  elf.writeBigUInt64LE(BigInt(elf.length), 104);
  elf.writeBigUInt64LE(0x1000n, 112);
  text.copy(elf, headers);
  return elf;
}

export const probes = {
  /** Only there are they made for. */
  architecture: 'x64',
  entries: [
    { path: 'bin/syscall', data: program(syscallCode), mode: 0o755 },
    { path: 'bin/old-gate', data: program(oldGateCode), mode: 0o755 },
  ],
} as const;
