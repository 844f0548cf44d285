import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { contentSuite } from './support-content-suite.ts';

contentSuite('MinIO', await available(() => startMinio()), { copiesParts: true });
contentSuite('SeaweedFS', await available(() => startSeaweedfs()), { copiesParts: false });
