import { Type } from 'typebox';
import { byKind, file, map, optional, text } from './nodes.ts';

/** @param description what they are for. */
export const credentials = (description: string) =>
  byKind(
    { description },
    map({
      kind: Type.Literal('static', { description: 'An access key that stands in the configuration.' }),
      accessKeyId: text({ description: 'The name of the access key; S3 shows it in every URL.' }),
      // Exactly one of each pair; emptiness is looked at after trimming.
      secretAccessKey: optional(
        Type.String({
          writeOnly: true,
          description:
            'The secret of the access key. For the environment; in a file, `secretAccessKeyFile` keeps it apart.',
        }),
      ),
      secretAccessKeyFile: optional(
        file({ description: 'A file that holds the secret. Exactly one of the two is needed.' }),
      ),
      sessionToken: optional(
        Type.String({
          writeOnly: true,
          description: 'Only for temporary credentials. They are not renewed here: prefer `kind: default`.',
        }),
      ),
      sessionTokenFile: optional(file({ description: 'A file that holds the session token.' })),
    }),
    map({
      kind: Type.Literal('default', {
        description:
          'The AWS chain: environment, shared files, web identity, container, instance. Roles renew themselves.',
      }),
    }),
  );
