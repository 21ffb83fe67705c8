import express, { type Express } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Log } from '../../plugin/context.ts';
import { errorHandler } from '../error-handler.ts';
import { healthRoutes } from '../health.ts';
import { refuseOtherMethods } from '../other-methods.ts';
import { type MetricsAccess, metricsRoutes } from './metrics-routes.ts';

/** What a worker serves on METRICS_PORT: `/metrics`, `/healthz` and `/readyz`. */
export function createWorkerApp(options: {
  metrics: MetricsAccess | null;
  isReady(): Promise<boolean>;
  log: Log;
}): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set('cache-control', 'no-store');
    next();
  });
  const health = healthRoutes(options.isReady);
  app.use(health, metricsRoutes(options.metrics), refuseOtherMethods(health));
  app.use((request) => {
    throw new BatchwrightError('notFound', { message: `There is nothing at ${request.path.slice(0, 200)}` });
  });
  app.use(errorHandler(options.log));
  return app;
}
