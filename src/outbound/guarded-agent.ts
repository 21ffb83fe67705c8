import http from 'node:http';
import https from 'node:https';
import net, { type LookupFunction } from 'node:net';
import { type AddressRule, ForbiddenAddressError } from './address-guard.ts';
import { systemLookup } from './name-lookup.ts';

export interface GuardedAgents {
  http: http.Agent;
  https: https.Agent;
}

/**
 * Agents that connect only to addresses that the rule allows: this is the check at the real connection. They
 * connect to the addresses that were checked, so a name that resolves differently a moment later changes
 * nothing. Requests over them fail with ForbiddenAddressError before a socket is opened.
 *
 * An own check and not `request-filtering-agent`: that package knows no host names, ports or IPv6 ranges
 * beyond ipaddr.js's (it connects to `::7f00:1`, which embeds 127.0.0.1), and its errors show the address.
 *
 * @param options.keepsConnections true when a connection may serve further requests. Such a connection may be dead,
 *   and the caller must repeat the request over other agents then
 */
export function createGuardedAgents(
  rule: AddressRule,
  lookup: LookupFunction = systemLookup,
  { keepsConnections = false } = {},
): GuardedAgents {
  // With keep-alive, receivers that answer early continue to read the body instead of cutting it off. No TLS
  // session outlives its request, so each handshake checks the certificate.
  const options = { keepAlive: true, maxCachedSessions: 0, ...(keepsConnections && { timeout: IDLE_MS }) };
  const agents = {
    http: guard(new http.Agent(options), rule, lookup),
    https: guard(new https.Agent(options), rule, lookup),
  };
  for (const agent of Object.values(agents)) limitKept(agent, keepsConnections ? MAX_IDLE : 0);
  return agents;
}

/** Many servers close idle connections after 5 s, Node's among them. */
const IDLE_MS = 4_000;
/** Idle connections of an agent, over all hosts. */
const MAX_IDLE = 128;

function limitKept(agent: http.Agent, maxIdle: number): void {
  const keepSocketAlive = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => {
    const idle = Object.values(agent.freeSockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
    if (idle >= maxIdle) return false;
    return keepSocketAlive(socket);
  };
}

function guard<Agent extends http.Agent>(agent: Agent, rule: AddressRule, lookup: LookupFunction): Agent {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const refusal = refuseBeforeLookup(rule, options);
    if (refusal !== null) {
      callback?.(new ForbiddenAddressError(refusal), new net.Socket());
      return undefined;
    }
    return connect({ ...options, lookup: guardLookup(rule, Number(options.port), lookup) }, callback);
  };
  return agent;
}

/** Sockets skip the lookup for literal addresses and for paths, and use localhost when there is no host. */
function refuseBeforeLookup(
  rule: AddressRule,
  { host, port, socketPath }: http.ClientRequestArgs,
): string | null {
  if (socketPath || !host) return 'only hosts can be reached';
  return net.isIP(host) === 0 ? null : rule(host, host, Number(port));
}

function guardLookup(rule: AddressRule, port: number, lookup: LookupFunction): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const addresses = typeof found === 'string' ? [{ address: found, family: net.isIP(found) }] : found;
      const refusal = addresses
        .map(({ address }) => rule(host, address, port))
        .find((reason) => reason !== null);
      if (refusal) return callback(new ForbiddenAddressError(refusal), []);
      const [first] = addresses;
      if (options.all || !first) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}
