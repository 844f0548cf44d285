import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { multipartSuite } from './support-multipart-suite.ts';

multipartSuite('MinIO', await available(() => startMinio()), {
  demandsPartChecksums: true,
  withoutHeaders: 400,
  wrongChecksum: 'XAmzContentChecksumMismatch',
});
multipartSuite('SeaweedFS', await available(() => startSeaweedfs()), {
  demandsPartChecksums: false,
  withoutHeaders: 403,
  wrongChecksum: 'BadDigest',
});
