/** A collector for OTLP over HTTP, and a receiver of callbacks and requests. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json } from '../support/json.ts';
import { waitFor } from '../support/wait.ts';

export interface CollectedSpan {
  /** `batchwright.role` of its process. */
  role: string;
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  /** Null for the first span of a trace. */
  parent: string | null;
  /** The ids of the linked spans. */
  links: string[];
  attributes: Record<string, Json>;
  events: string[];
  /** 2 for an error. */
  status: { code?: number; message?: string };
}

export interface Collector {
  url: string;
  spans: CollectedSpan[];
  /** Exports that are not JSON, as they came. */
  others: { path: string; contentType: string; body: Buffer }[];
  /** The headers of other requests, by path. */
  received: Map<string, IncomingHttpHeaders>;
  /** The one span with this name, once it is there. */
  span(name: string, more?: (span: CollectedSpan) => boolean): Promise<CollectedSpan>;
}

/** Closed with the test. */
export async function startCollector(t: { after(fn: () => Promise<unknown>): void }): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const others: Collector['others'] = [];
  const received: Collector['received'] = new Map();
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      const contentType = headers['content-type'] ?? '';
      const body = Buffer.concat(pieces);
      if (!path.endsWith('/v1/traces')) received.set(path, headers);
      else if (contentType === 'application/json') spans.push(...spansOf(JSON.parse(body.toString())));
      else others.push({ path, contentType, body });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    others,
    received,
    span: (name, more = () => true) =>
      waitFor(async () => spans.find((span) => span.name === name && more(span)), {
        what: `the span ${name}`,
      }),
  };
}

function spansOf({ resourceSpans }: Json): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }: Json) =>
    scopeSpans.flatMap((scope: Json) =>
      scope.spans.map((span: Json): CollectedSpan => {
        const { name, kind, traceId, spanId, parentSpanId, links = [], events = [], status = {} } = span;
        return {
          role: valuesOf(resource.attributes)['batchwright.role'],
          name,
          kind,
          traceId,
          spanId,
          parent: parentSpanId || null,
          links: links.map((link: Json) => link.spanId),
          attributes: valuesOf(span.attributes),
          events: events.map((event: Json) => event.name),
          status,
        };
      }),
    ),
  );
}

function valuesOf(attributes: Json[]): Record<string, Json> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.intValue === undefined ? value.stringValue : Number(value.intValue),
    ]),
  );
}
