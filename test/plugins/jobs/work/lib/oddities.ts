import { RetryLaterError } from 'batchwright/plugin';
import type { Throw } from '../../../schemas/work/throw.ts';

const ODDITIES: Record<Throw['what'], () => unknown> = {
  revoked() {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  getter: () =>
    Object.defineProperty(new Error('x'), 'message', {
      get() {
        throw new Error('nobody reads this');
      },
    }),
  bare: () => Object.create(null),
  frozen: () => Object.freeze(new Error('frozen')),
  nothing: () => undefined,
  spiteful: () =>
    new Proxy(new RetryLaterError('x', 1), {
      get() {
        throw new Error('nobody reads this either');
      },
    }),
};

/** Throws unusual values. */
export function throwOdd({ what, how = 'throw' }: Throw): unknown {
  if (how === 'throw') throw ODDITIES[what]();
  const rejected = Promise.resolve().then(() => {
    throw ODDITIES[what]();
  });
  return how === 'reject' ? rejected : 'forgotten';
}
