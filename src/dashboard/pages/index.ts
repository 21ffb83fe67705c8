/** All pages, in the order of the navigation. */
import type { Page } from '../page.ts';
import { batchesPage } from './batches.tsx';

export const pages: readonly Page[] = [batchesPage];
