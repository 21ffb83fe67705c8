/** What plugins say about their routes: their parts of `/openapi.json`. */
import type { RouteDocument, Routes } from '../../plugin/routes.ts';

/** `place` is the name of their file. */
export interface MountedRoutes {
  place: string;
  routes: Routes;
}

interface PluginParts {
  /** By their whole path. */
  paths: Record<string, object>;
  schemas: Record<string, object>;
  securitySchemes: Record<string, object>;
}

/** Loads and joins the parts. Throws an Error that names the file of a part that cannot be loaded. */
export async function pluginParts(mounted: readonly MountedRoutes[]): Promise<PluginParts> {
  const documents = await Promise.all(mounted.map(documentOf));
  return {
    paths: Object.assign({}, ...documents.map(({ paths }) => paths)),
    schemas: Object.assign({}, ...documents.map(({ components }) => components?.schemas)),
    securitySchemes: Object.assign({}, ...documents.map(({ components }) => components?.securitySchemes)),
  };
}

async function documentOf({
  place,
  routes: { prefix, openapi = {} },
}: MountedRoutes): Promise<RouteDocument> {
  try {
    const { paths, ...parts } = typeof openapi === 'function' ? await openapi() : { paths: openapi };
    const whole = Object.entries(paths).map(([path, item]) => [`${prefix}${path}`, item]);
    return { ...parts, paths: Object.fromEntries(whole) };
  } catch (cause) {
    throw new Error(`${place}: openapi of the routes below ${prefix} fails`, { cause });
  }
}
