/** Keys, as the API takes and returns them. */

export interface NewKey {
  name: string;
  permissions: readonly string[];
  tenant?: string;
  /** As in RFC 3339. */
  expiresAt?: string | null;
  signing?: 'IWS' | null;
}

export interface Key {
  id: string;
  name: string;
  tenant: string;
  permissions: string[];
  createdAt: string;
  expiresAt: string | null;
  /** When a request with it was last accepted, to the minute; null when none was. */
  lastUsedAt: string | null;
}

/** The key of a client, and what it may do. */
export interface OwnKey {
  /** `admin` for the admin key. */
  keyId: string;
  name: string;
  tenant: string;
  permissions: string[];
  isAdmin: boolean;
  /** Whether it may change what all tenants share. */
  isOperator: boolean;
  expiresAt: string | null;
}
