/** Attributes of spans: those of the semantic conventions, and our own. */
import type { Attributes } from '@opentelemetry/api';

/** Which run of a job a span is about. */
export interface RunFields {
  action: string;
  asyncId: string;
  attempt: number;
}

/** Of a run of one or several jobs. */
export function runAttributes({ action, asyncId, attempt }: RunFields): Attributes {
  return {
    'batchwright.action': action,
    'batchwright.async_id': asyncId,
    'batchwright.attempt': attempt,
  };
}

/** Of work on messages. */
export function messaging(type: 'send' | 'process'): Attributes {
  return {
    'messaging.system': 'batchwright',
    'messaging.operation.type': type,
    'messaging.operation.name': type,
  };
}

/** Path and query of a receiver are left out: they may be secret. */
export function receiverOf({ protocol, hostname, port }: URL): Attributes {
  const scheme = protocol.slice(0, -1);
  return {
    'url.scheme': scheme,
    'server.address': hostname.replace(/^\[(.*)\]$/, '$1'),
    'server.port': port === '' ? (scheme === 'https' ? 443 : 80) : Number(port),
  };
}
