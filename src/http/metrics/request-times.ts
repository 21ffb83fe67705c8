import type { RequestHandler } from 'express';
import { requestEnded } from '../../telemetry/events.ts';
import { routeOf } from '../request-log.ts';

/** Emits an event at the end of each request. */
export const timeRequests: RequestHandler = (request, response, next) => {
  if (!requestEnded.isHeard) return next();
  const startedAt = performance.now();
  response.once('close', () =>
    requestEnded.emit({
      route: routeOf(request),
      method: request.method,
      status: response.headersSent ? response.statusCode : 0,
      seconds: (performance.now() - startedAt) / 1000,
    }),
  );
  next();
};
