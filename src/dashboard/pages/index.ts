/** All pages, in the order of the navigation. */
import type { Page } from '../page.ts';
import { batchPage } from './batch/index.tsx';
import { batchesPage } from './batches.tsx';
import { jobPage } from './job.tsx';

export const pages: readonly Page[] = [batchesPage, batchPage, jobPage];
