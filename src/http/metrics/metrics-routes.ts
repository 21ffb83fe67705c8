import { createHash, timingSafeEqual } from 'node:crypto';
import { Router } from 'express';
import { refuseOtherMethods } from '../other-methods.ts';

export interface MetricsAccess {
  /** Whoever scrapes sends it as `Authorization: Bearer`; undefined when the address alone protects the route. */
  key: string | undefined;
  read(): Promise<{ contentType: string; text: string }>;
}

/**
 * `/metrics`. Without the right key it answers as if nothing were there.
 *
 * @param access null when the route is closed
 */
export function metricsRoutes(access: MetricsAccess | null): Router {
  const router = Router();
  if (access === null) return router;
  const routes = Router();
  routes.get('/metrics', async (_request, response) => {
    const { contentType, text } = await access.read();
    response.set('content-type', contentType).send(text);
  });
  router.use(
    (request, _response, next) => {
      const isMeant = /^\/metrics\/?$/i.test(request.path);
      next(isMeant && mayRead(access.key, request.get('authorization')) ? undefined : 'router');
    },
    routes,
    refuseOtherMethods(routes),
  );
  return router;
}

function mayRead(key: string | undefined, authorization = ''): boolean {
  if (key === undefined) return true;
  const [, given = ''] = /^bearer +(.+)$/i.exec(authorization) ?? [];
  return timingSafeEqual(digestOf(given), digestOf(key));
}

/** Of equal length, so that a comparison takes the same time for every key. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
