export { params } from './throw.ts';
