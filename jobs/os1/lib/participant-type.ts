import { NonRetryableError } from 'batchwright/plugin';
import pluralize from 'pluralize';

const PLURAL = /^[a-z][a-z0-9_-]{0,62}$/i;

/**
 * The type of participants as ids have it: the singular of the name in the path, in lower case. A name without a
 * plural is its own singular. Throws 400 for a name that is no type's.
 */
export function participantTypeOf(plural: string): string {
  if (!PLURAL.test(plural))
    throw new NonRetryableError(
      'The participant type in the path must have letters, digits, - and _, begin with a letter and have at most 63 characters',
      { errorCode: 400 },
    );
  const name = plural.toLowerCase();
  const singular = pluralize.singular(name);
  // The singular of "s" is empty, and that of "data" is longer.
  return PLURAL.test(singular) ? singular : name;
}
