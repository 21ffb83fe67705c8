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
 * Agents that connect only where the rule lets them: the check at the connection that is really made. The
 * addresses that were checked are the ones connected to, so a name that resolves otherwise a moment later
 * changes nothing. Requests over them fail with ForbiddenAddressError before a socket is opened.
 *
 * An own check and not `request-filtering-agent`: that package knows no host names, ports or IPv6 ranges
 * beyond ipaddr.js's (it connects to `::7f00:1`, which embeds 127.0.0.1), and its errors show the address.
 */
export function createGuardedAgents(rule: AddressRule, lookup: LookupFunction = systemLookup): GuardedAgents {
  // Asked to keep alive, receivers that answer early go on reading the body instead of cutting it off.
  // No TLS session outlives its request: each handshake checks the certificate.
  const options = { keepAlive: true, maxCachedSessions: 0 };
  return {
    http: guard(new http.Agent(options), rule, lookup),
    https: guard(new https.Agent(options), rule, lookup),
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
  // One request a socket: a reused one may have died unseen, and nobody here repeats the request.
  agent.keepSocketAlive = () => false;
  return agent;
}

/** Sockets skip the lookup for literal addresses and for paths, and take localhost when no host is given. */
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
