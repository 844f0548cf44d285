import { Type } from 'typebox';
import { CONTENT_TYPE_GLOB } from '../../access/media-type.ts';
import { DEFAULTS } from '../defaults.ts';
import { UPLOAD_METHODS } from '../../uploads/upload.ts';
import { Limits } from './limits.ts';
import { map, named, optional, SECONDS, text } from './nodes.ts';
import { Webhook } from './webhook.ts';

export const Tenant = map(
  {
    target: text({
      description: 'The name of its S3 target. A target that is new in the file needs a restart first.',
    }),
    bucket: Type.String({
      pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      says: 'must be a bucket name: 3 to 63 lower-case letters, digits, "." or "-"',
      description: 'Where its new slots go. Slots made before stay in their own bucket.',
    }),
    objectKeyTemplate: optional(
      text({
        default: DEFAULTS.tenant.objectKeyTemplate,
        description:
          'How object keys are made, of `{tenant}`, `{prefix}`, `{yyyy}`, `{mm}`, `{dd}`, `{id}` and `{filename}`. `{id}` is required: no two slots share an object key. `{prefix}` is that of a grant, a segment of its own, which vanishes for all else.',
      }),
    ),
    // 10,000 parts of 5 GiB.
    maxSizeBytes: optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000 * 5 * 1024 ** 3,
        default: DEFAULTS.tenant.maxSizeBytes,
        description:
          'The largest file. The announced size is signed, so S3 takes not one byte more. One PUT or POST takes 5 GiB at most, multipart 48.8 TiB.',
      }),
    ),
    methods: optional(
      Type.Array(Type.Enum([...UPLOAD_METHODS]), {
        minItems: 1,
        uniqueItems: true,
        default: DEFAULTS.tenant.methods,
        description:
          'How clients may upload. `POST` is a form for plain HTML pages, and off unless named: until it expires, a second POST overwrites the object.',
      }),
    ),
    contentTypes: optional(
      Type.Array(
        Type.String({
          pattern: CONTENT_TYPE_GLOB,
          says: 'must be a lower-case media type such as image/png, or image/*, or *',
        }),
        {
          minItems: 1,
          default: DEFAULTS.tenant.contentTypes,
          description:
            'What may be announced. Nobody looks into the file: this binds the declared type only.',
        },
      ),
    ),
    urlSeconds: optional(
      map({
        min: optional(
          Type.Integer({
            minimum: 1,
            default: DEFAULTS.tenant.urlSeconds.min,
            description: 'The shortest life of a URL that a client may ask for.',
          }),
        ),
        default: optional(
          Type.Integer({
            minimum: 1,
            default: DEFAULTS.tenant.urlSeconds.default,
            description:
              'The life of a URL when the client does not ask. An upload must begin, not end, in it.',
          }),
        ),
        max: optional(
          Type.Integer({
            minimum: 1,
            default: DEFAULTS.tenant.urlSeconds.max,
            description:
              'The longest life; S3 takes up to 604800, and temporary credentials end sooner. Whoever has the URL and its headers has the object.',
          }),
        ),
      }),
    ),
    slotSeconds: optional(
      Type.Integer({
        ...SECONDS,
        default: DEFAULTS.tenant.slotSeconds,
        description: 'How long new URLs are given for a slot; from then it is `expired`.',
      }),
    ),
    requireSha256: optional(
      Type.Boolean({
        default: DEFAULTS.tenant.requireSha256,
        description:
          'Whether clients must announce the hash of the file. S3 then checks it and refuses other bytes.',
      }),
    ),
    verify: optional(
      Type.Enum(['head', 'stream'] as const, {
        default: DEFAULTS.tenant.verify,
        description:
          'S3 has no SHA-256 of a whole multipart object. `stream` has the service read such an object once and compare; with `head` an announced `sha256` is refused for multipart.',
      }),
    ),
    rejected: optional(
      Type.Enum(['keep', 'remove'] as const, {
        default: DEFAULTS.tenant.rejected,
        description:
          'What becomes of an object that is not the announced one: kept until its slot is deleted, or removed at once.',
      }),
    ),
    limits: optional(Limits),
    webhooks: optional(
      named(Webhook, {
        default: {},
        description: 'Who is told what becomes of this tenant’s slots, under names of your own.',
      }),
    ),
  },
  {
    description:
      'Who uploads where, and what is allowed. An API key or a token belongs to one tenant and sees only its slots.',
  },
);
