/** `wrong`: something is to be done. `note`: only to be known. `unknown`: could not be looked at; try again. */
export type Grade = 'wrong' | 'note' | 'unknown';

export interface CodeText {
  readonly grade: Grade;
  /** What was found, and why it matters. */
  readonly means: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** Everything that an audit can find, the worst first. The names stay: programs go by them. */
export const AUDIT_CODES = {
  not_encrypted: {
    grade: 'wrong',
    means:
      'S3 does not say that the object is under SSE-C and its own key: it may lie there as plain text, for everybody who may read the bucket.',
    remedy:
      'Keep others from reading the bucket, run `sealslot doctor`, and look for who writes to it past the service; delete the slot and upload anew.',
  },
  key_refused: {
    grade: 'wrong',
    means:
      'A stored key does not open in its place: its row was changed or belongs elsewhere, or the keeper of its KEK refuses. Its object cannot be read.',
    remedy:
      'Where the keeper refuses, give the service its right back or enable the KEK. Else restore the row from a backup, or from its recovery copy.',
  },
  key_not_mine: {
    grade: 'wrong',
    means:
      'A stored key is wrapped by a wrapper that is not configured, or under a KEK that this one does not hold.',
    remedy:
      'Bring the KEK back from its backup, or the wrapper back into `custody.wrappers`; never make a new one of the same name.',
  },
  intermediate_missing: {
    grade: 'wrong',
    means:
      'A stored key is wrapped by an intermediate key that is not in the store, or no more. Its object cannot be read.',
    remedy: 'Restore the intermediate key from the recovery bucket or from a backup of the store.',
  },
  intermediate_unopened: {
    grade: 'wrong',
    means:
      'An intermediate key does not open, and so none of the keys that it wraps. Those are not told one by one.',
    remedy: 'As for `key_refused` and `key_not_mine`: its KEK, its wrapper or its row is to be brought back.',
  },
  object_absent: {
    grade: 'wrong',
    means: 'The slot is `uploaded`, and S3 says that its object, or the version that it names, is not there.',
    remedy:
      'See that the bucket is there and the right one. Restore the object; or DELETE the slot, which destroys its key.',
  },
  object_under_another_key: {
    grade: 'wrong',
    means:
      'S3 refuses the key of the slot. The object may have been written over under another key; but 403 is also what S3 says when the right to read is missing, so this is not certain.',
    remedy:
      'Run `sealslot doctor` to see whether the rights are there. If they are, look for who wrote the object, and restore its version.',
  },
  size_differs: {
    grade: 'wrong',
    means: 'The object has another size than the one that was verified.',
    remedy: 'Look for who wrote to the bucket past the service; restore the version that was verified.',
  },
  etag_differs: {
    grade: 'wrong',
    means: 'The object has another ETag than the one that was verified: it was written anew, or is another.',
    remedy: 'Look for who wrote to the bucket past the service; restore the version that was verified.',
  },
  object_without_key: {
    grade: 'wrong',
    means: 'An object version lies in a bucket of a tenant, and no key in the store opens it.',
    remedy:
      'If it is the service’s, bring its key back: a backup of the store, `sealslot recover`, or `sealslot import --keys`. If it is foreign, take it over with `sealslot import` or keep it elsewhere. Remove only what none of these opens.',
  },
  copy_missing: {
    grade: 'wrong',
    means: 'An object does not carry the recovery copy of its key, though recovery is configured.',
    remedy:
      'Have the copy written anew: see docs/custody.md. Until then only a backup of the store has this key.',
  },
  copy_unreadable: {
    grade: 'wrong',
    means: 'The tags of an object are no recovery copy, or one that does not open.',
    remedy: 'Have the copy written anew, and look for who changes tags in the bucket.',
  },
  copy_disagrees: {
    grade: 'wrong',
    means: 'The recovery copy of an object is of another slot, generation or key than the store has.',
    remedy: 'Have the copy written anew, and look for who changes tags in the bucket.',
  },
  copy_stale: {
    grade: 'wrong',
    means:
      'The recovery copy still opens, but is wrapped as the key was before it was rewrapped: it needs the old KEK.',
    remedy: 'Have the copies written anew before you let the old KEK go: see docs/custody.md.',
  },
  intermediate_copy_missing: {
    grade: 'wrong',
    means:
      'The recovery bucket has no copy of an intermediate key: the recovery copies that it wraps could not be opened without the store.',
    remedy: 'Have the copy written anew: see docs/custody.md.',
  },
  intermediate_copy_differs: {
    grade: 'wrong',
    means:
      'The copy of an intermediate key in the recovery bucket is not what the store has: stale, unreadable or another.',
    remedy:
      'Have the copy written anew before you let an old KEK go; look for who writes to the recovery bucket.',
  },
  target_not_configured: {
    grade: 'wrong',
    means:
      'The slot is of an S3 target that is not in the configuration: its object can neither be looked at nor handed out.',
    remedy: 'Bring the target back into `s3.targets` under its name.',
  },
  superseded_version_absent: {
    grade: 'note',
    means: 'A key of before a re-key is still there, and the version that it opened is gone.',
    remedy: 'Nothing: it opens nothing any more, and goes with the slot.',
  },
  extra_version: {
    grade: 'note',
    means: 'A version that its slot does not name, and that a living key of the slot opens.',
    remedy:
      'Nothing is lost: DELETE of the slot removes it. A lifecycle rule can remove noncurrent versions.',
  },
  doctor_leftover: {
    grade: 'note',
    means: 'A canary of a doctor, or of a start of the service, that was killed before it could remove it.',
    remedy: 'Remove it: nobody needs it, and its key is gone.',
  },
  unknown: {
    grade: 'unknown',
    means: 'S3 or the keeper of a KEK gave no answer that decides anything.',
    remedy: 'Run the audit again when it answers; `sealslot doctor` tells more.',
  },
} as const satisfies Readonly<Record<string, CodeText>>;

export type AuditCode = keyof typeof AUDIT_CODES;
