/** A DNS server on a free loopback port, over UDP and TCP, whose answers the test chooses. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

interface TestContext {
  after(fn: () => Promise<unknown> | unknown): void;
}

const TYPES = { A: 1, CNAME: 5, AAAA: 28 } as const;
const RCODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

export interface Question {
  name: string;
  type: 'A' | 'AAAA' | 'other';
  transport: 'udp' | 'tcp';
}

export interface DnsRecord {
  /** The type of the question when absent. */
  name?: string;
  type: keyof typeof TYPES;
  /** An address, or a name. */
  data: string;
  ttl?: number;
}

export interface DnsReply {
  code?: keyof typeof RCODES;
  records?: DnsRecord[];
  /** Makes the client ask again over TCP. */
  truncated?: boolean;
}

export interface DnsServer {
  /** In the form that a resolver accepts. */
  address: string;
  /** In the order of arrival. */
  questions: Question[];
}

/** @param answer returns no reply to let the question time out */
export async function startDnsServer(
  t: TestContext,
  answer: (question: Question) => DnsReply | null | Promise<DnsReply | null>,
): Promise<DnsServer> {
  const questions: Question[] = [];
  async function respond(
    message: Buffer,
    transport: Question['transport'],
    send: (reply: Buffer) => unknown,
  ): Promise<void> {
    const question = { ...readQuestion(message), transport };
    questions.push(question);
    const found = await answer(question);
    if (found) send(encode(message, question.name, found));
  }
  const udp = dgram.createSocket('udp4');
  udp.on('message', (message, { port, address }) => {
    void respond(message, 'udp', (reply) => udp.send(reply, port, address, () => {}));
  });
  const sockets = new Set<net.Socket>();
  const tcp = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      void respond(bytes.subarray(2), 'tcp', (reply) =>
        socket.write(Buffer.concat([uint16(reply.length), reply])),
      );
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  t.after(async () => {
    const closed = once(tcp, 'close');
    tcp.close();
    for (const socket of sockets) socket.destroy();
    udp.close();
    await closed;
  });
  return { address: `127.0.0.1:${port}`, questions };
}

function readQuestion(message: Buffer): { name: string; type: Question['type'] } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = message.readUInt16BE(at + 1);
  return {
    name: labels.join('.').toLowerCase(),
    type: type === TYPES.A ? 'A' : type === TYPES.AAAA ? 'AAAA' : 'other',
  };
}

function encode(
  query: Buffer,
  name: string,
  { code = 'NOERROR', records = [], truncated }: DnsReply,
): Buffer {
  const questionEnd = 12 + encodeName(name).length + 4;
  const flags = 0x8180 | (truncated ? 0x0200 : 0) | RCODES[code];
  return Buffer.concat([
    query.subarray(0, 2),
    uint16(flags),
    uint16(1),
    uint16(records.length),
    uint16(0),
    uint16(0),
    query.subarray(12, questionEnd), // as it was asked: clients vary the case of its letters
    ...records.flatMap((record) => encodeRecord(name, record)),
  ]);
}

function encodeRecord(question: string, { name = question, type, data, ttl = 60 }: DnsRecord): Buffer[] {
  const value = type === 'CNAME' ? encodeName(data) : encodeAddress(data);
  return [
    encodeName(name),
    uint16(TYPES[type]),
    uint16(1),
    uint16(ttl >>> 16),
    uint16(ttl & 0xffff),
    uint16(value.length),
    value,
  ];
}

function encodeName(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

function encodeAddress(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail)];
  const middle = Array.from({ length: 8 - first.length - last.length }, () => 0);
  return Buffer.concat([...first, ...middle, ...last].map(uint16));
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
