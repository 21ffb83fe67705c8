/** `/v1/system`: queues, workers, version and limits, for the operator. */
import { type SystemDeps, systemView } from '../../pipeline/read/system.ts';
import type { LiveAnswers } from './live-answers.ts';

export function addSystem(answers: LiveAnswers, deps: SystemDeps): void {
  answers.get('/system', [], async ({ caller }) => JSON.stringify(await systemView(deps, caller)));
}
