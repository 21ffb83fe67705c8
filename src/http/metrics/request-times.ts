import type { RequestHandler } from 'express';
import { requestEnded } from '../../telemetry/events.ts';
import { requestHandled } from '../../telemetry/operations.ts';
import { pathOf, patternOf, routeOf } from '../request-log.ts';

/** Polled all the time: a trace of each would hide those of callers. */
const UNTRACED = /^\/(healthz|readyz|metrics)\/?$/i;

/** Reports the end of each request. What it does in between belongs to its trace. */
export const timeRequests: RequestHandler = (request, response, next) => {
  const isTraced = requestHandled.isTraced && !UNTRACED.test(request.path);
  if (!requestEnded.isHeard && !isTraced) return next();
  const { method, headers } = request;
  const startedAt = performance.now();
  const ended = Promise.withResolvers<void>();
  response.once('close', ended.resolve);
  const status = () => (response.headersSent ? response.statusCode : 0);
  response.once('close', () =>
    requestEnded.emit({
      route: routeOf(request),
      method,
      status: status(),
      seconds: (performance.now() - startedAt) / 1000,
    }),
  );
  if (!isTraced) return next();
  void requestHandled.run({ method, headers }, async () => {
    next();
    await ended.promise;
    return { route: patternOf(request), path: pathOf(request), status: status() };
  });
};
