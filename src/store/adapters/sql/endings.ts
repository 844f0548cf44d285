/** How slots end, in words that SQLite and PostgreSQL share: under what condition a key goes is said once (invariant 3). */

export const BURY = `
  UPDATE uploads SET state = 'deleted', deleted_at = :at, filename = NULL, metadata = '{}', mismatches = NULL, next_generation = NULL,
    next_check_at = :next_check_at
  WHERE id = :id AND state = 'deleting' AND url_ends_at = :url_ends_at`;

export const FORGET = `
  UPDATE uploads SET forgotten_at = :at, next_generation = NULL, next_check_at = :next_check_at
  WHERE id = :id AND state IN ('expired', 'rejected') AND forgotten_at IS NULL AND url_ends_at = :url_ends_at`;
