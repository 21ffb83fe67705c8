export { params } from './post.ts';
