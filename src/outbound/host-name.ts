/** Maximum length of a name as text: RFC 1035, 2.3.4. */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/** Why no DNS server can resolve a host name, as the end of a sentence; null when the name is valid. */
export function hostNameFault(host: string): string | null {
  const name = host.replace(/\.$/, '');
  const labels = name.split('.');
  if (labels.includes('')) return 'has an empty label';
  if (labels.some((label) => label.length > MAX_LABEL))
    return `has a label of more than ${MAX_LABEL} characters`;
  return name.length > MAX_NAME ? `has more than ${MAX_NAME} characters` : null;
}
