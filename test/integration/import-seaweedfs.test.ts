import { available } from '../support/available.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { importSuite } from './support-import-suite.ts';

importSuite('SeaweedFS', await available(startSeaweedfs), 40);
