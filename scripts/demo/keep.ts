import type { S3Server } from '../../test/support/s3-server.ts';
import type { Service } from '../../test/support/service.ts';

/** Of pages on this machine, which may call the service and its S3: what most servers for development use, and Vite. */
export const ORIGINS = ['http://localhost:3000', 'http://localhost:5173'] as const;

/** What one needs to go on by hand, for `--keep`. */
export function explainKept(s3: S3Server, service: Service): string {
  return `
Both stay up until Ctrl-C.

  Page      ${service.url}/demo — sign in with the API key below; see "CA of S3" first
  API       ${service.url}      /docs shows it, /openapi.json describes it
  Admin     ${service.adminUrl}/metrics
  S3        ${s3.endpoint}
  CORS      pages of ${ORIGINS.join(' and ')} may call both
  Grants    POST /v1/grants with the API key below gives a page its token: docs/frontend.md
  CA of S3  ${s3.caFile}
            curl: the line below. Browser: import it as an authority, or open the S3 address once and accept it.
            Node: NODE_EXTRA_CA_CERTS=${s3.caFile}

For the blocks of README:

  export SEALSLOT=${service.url} CURL_CA_BUNDLE=${s3.caFile}
  export API_KEY=${service.token}
`;
}
