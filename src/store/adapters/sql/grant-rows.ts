import type { Grant } from '../../../access/grant.ts';
import { UPLOAD_METHODS } from '../../../uploads/upload.ts';
import { integer, orNull, text, type Row, type Values } from './rows.ts';

export function toGrant(row: Row): Grant {
  return {
    id: text(row, 'id'),
    tenant: text(row, 'tenant'),
    createdBy: text(row, 'created_by'),
    count: integer(row, 'count'),
    used: integer(row, 'used'),
    maxSizeBytes: orNull(integer, row, 'max_size_bytes'),
    contentTypes: orNull(list, row, 'content_types'),
    methods: orNull(methods, row, 'methods'),
    prefix: orNull(text, row, 'prefix'),
    metadata: JSON.parse(text(row, 'metadata')) as Record<string, string>,
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    endsAt: integer(row, 'ends_at'),
    revokedAt: orNull(integer, row, 'revoked_at'),
  };
}

/** By column name, for an INSERT with named parameters. */
export function fromGrant(grant: Grant): Values {
  return {
    id: grant.id,
    tenant: grant.tenant,
    created_by: grant.createdBy,
    count: grant.count,
    used: grant.used,
    max_size_bytes: grant.maxSizeBytes,
    content_types: grant.contentTypes && JSON.stringify(grant.contentTypes),
    methods: grant.methods && JSON.stringify(grant.methods),
    prefix: grant.prefix,
    metadata: JSON.stringify(grant.metadata),
    created_at: grant.createdAt,
    expires_at: grant.expiresAt,
    ends_at: grant.endsAt,
    revoked_at: grant.revokedAt,
  };
}

function list(row: Row, column: string): readonly string[] {
  return JSON.parse(text(row, column)) as string[];
}

/** A method that this version does not know is allowed to nobody. */
function methods(row: Row, column: string): Grant['methods'] {
  const named = list(row, column);
  return UPLOAD_METHODS.filter((method) => named.includes(method));
}
