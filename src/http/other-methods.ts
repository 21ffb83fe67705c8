import type { RequestHandler, Router } from 'express';
import { BatchwrightError } from '../contract/errors.ts';

/** What express keeps of a route. */
interface Layer {
  route?: { methods: Record<string, boolean> };
  match(path: string): boolean;
}

/**
 * For behind these routers: throws `methodNotAllowed` for an address that one of them knows by other methods, named
 * in `Allow`. An address that none of them knows goes on.
 */
export function refuseOtherMethods(...routers: Router[]): RequestHandler {
  const layers = routers.flatMap(({ stack }) => stack as unknown as Layer[]);
  return (request, response, next) => {
    const methods = layers
      .filter((layer) => layer.match(request.path))
      .flatMap(({ route }) => Object.keys(route?.methods ?? {}));
    if (methods.length === 0) return next();
    // Whatever answers GET answers HEAD.
    const allowed = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : method.toUpperCase()));
    response.set('allow', allowed.join(', '));
    const address = `${request.baseUrl}${request.path}`.slice(0, 200);
    throw new BatchwrightError('methodNotAllowed', {
      message: `${address} allows ${allowed.join(', ')}`,
    });
  };
}
