/** All pages, in the order of the navigation. */
import type { Page } from '../page.ts';
import { actionPage } from './actions/action.tsx';
import { actionsPage } from './actions/index.tsx';
import { auditPage } from './audit.tsx';
import { batchPage } from './batch/index.tsx';
import { batchesPage } from './batches.tsx';
import { callbacksPage } from './callbacks/index.tsx';
import { csvPage } from './csv/index.tsx';
import { jobPage } from './job.tsx';
import { keysPage } from './keys/index.tsx';
import { limitsPage } from './limits.tsx';
import { systemPage } from './system/index.tsx';

export const pages: readonly Page[] = [
  batchesPage,
  batchPage,
  jobPage,
  actionsPage,
  actionPage,
  csvPage,
  limitsPage,
  callbacksPage,
  keysPage,
  systemPage,
  auditPage,
];
