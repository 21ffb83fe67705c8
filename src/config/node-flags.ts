/**
 * Flags of the Node of every process of the product; npm's script `start` has them too. A small young generation and a heap
 * that grows slowly keep its memory low.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=8', '--heap-growing-percent=150'];
