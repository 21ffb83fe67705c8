/**
 * The name of a bucket, which is what shares a limit: `action|by|value`. For the limits of a batch there is no action,
 * and the value is the batch's id.
 */
export interface BucketName {
  /** Empty for the limits of a batch. */
  action: string;
  /** What shares the limit, as the limit says it; empty for all jobs. */
  by: string;
  value: string;
}

export function bucketKeyOf({ action, by, value }: BucketName): string {
  return `${action}|${by}|${value}`;
}

export function bucketNameOf(key: string): BucketName {
  const [, action = '', by = '', value = ''] = /^([^|]*)\|([^|]*)\|(.*)$/s.exec(key) ?? [];
  return { action, by, value };
}

/** The bucket of a batch's own limits. */
export function batchBucketKey(batchId: string): string {
  return bucketKeyOf({ action: '', by: 'batch', value: batchId });
}
