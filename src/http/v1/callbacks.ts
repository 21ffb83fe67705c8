/** `/v1/callbacks/test` */
import { Router } from 'express';
import { requireAdmin } from '../../access/admin.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import type { TestCallbacks } from '../../pipeline/deliver/test-callback.ts';
import { checkCallbackHeaders } from '../../pipeline/submit/callback-headers.ts';
import type { SubmitDeps } from '../../pipeline/submit/submit.ts';
import { callerOf } from '../auth/callers.ts';
import { readMembers } from '../body/members.ts';
import { queryOf } from '../body/query.ts';

export interface CallbackRoutesDeps extends Pick<SubmitDeps, 'checkCallbackUrl'> {
  testCallbacks: TestCallbacks;
}

export function callbackRoutes({ checkCallbackUrl, testCallbacks }: CallbackRoutesDeps): Router {
  const router = Router();
  router.post('/callbacks/test', async (request, response) => {
    queryOf(request, []);
    const caller = callerOf(request);
    requireAdmin(caller);
    const { url, headers } = await readMembers(request, ['url', 'headers']);
    const checkedHeaders = headersFrom(headers);
    const checkedUrl = await checkCallbackUrl(url, caller.tenant, 'url');
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const test = { url: checkedUrl, headers: checkedHeaders, signal: gone.signal };
    response.json(await testCallbacks.send(caller, test));
  });
  return router;
}

/** Throws `badRequest` for anything but texts by name, and like `checkCallbackHeaders`. */
function headersFrom(given: unknown): Readonly<Record<string, string>> {
  const headers = given ?? {};
  const isRight =
    typeof headers === 'object' &&
    !Array.isArray(headers) &&
    Object.values(headers).every((value) => typeof value === 'string');
  if (!isRight) throw new BatchwrightError('badRequest', { message: 'headers must be an object of texts' });
  const texts = headers as Readonly<Record<string, string>>;
  checkCallbackHeaders(texts, 'headers');
  return texts;
}
