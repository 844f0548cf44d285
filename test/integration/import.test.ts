import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { importSuite } from './support-import-suite.ts';

importSuite('MinIO', await available(startMinio), 1_000);
