import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { recoverSuite } from './support-recover-suite.ts';

recoverSuite('MinIO', await available(startMinio));
