import type { RequestHandler, Router } from 'express';
import { BatchwrightError } from '../contract/errors.ts';

/** The parts of an express route that are used here. */
interface Layer {
  route?: { methods: Record<string, boolean> };
  match(path: string): boolean;
}

/**
 * Use it after these routers: throws `methodNotAllowed` for a path that one of them knows with other methods,
 * which `Allow` names. Unknown paths pass.
 */
export function refuseOtherMethods(...routers: Router[]): RequestHandler {
  const layers = routers.flatMap(({ stack }) => stack as unknown as Layer[]);
  return (request, response, next) => {
    const methods = layers
      .filter((layer) => layer.match(request.path))
      .flatMap(({ route }) => Object.keys(route?.methods ?? {}));
    if (methods.length === 0) return next();
    // Every route for GET also answers HEAD.
    const names = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : method.toUpperCase()));
    const allowed = [...new Set(names)];
    response.set('allow', allowed.join(', '));
    const address = `${request.baseUrl}${request.path}`.slice(0, 200);
    throw new BatchwrightError('methodNotAllowed', {
      message: `${address} allows ${allowed.join(', ')}`,
    });
  };
}
