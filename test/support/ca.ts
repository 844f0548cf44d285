import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestCa {
  readonly caPem: string;
  readonly caFile: string;
  /** The server's certificate for `localhost` and `127.0.0.1`. */
  readonly certFile: string;
  readonly keyFile: string;
}

const SERVER_EXTENSIONS = `basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1
`;

/** Makes a throw-away CA and one server certificate in `dir` (made when missing). The CA's own key is not kept. */
export async function makeCa(dir: string): Promise<TestCa> {
  await mkdir(dir, { recursive: true });
  const file = (name: string): string => join(dir, name);
  const caFile = file('ca.crt');
  const caKey = file('ca.key');
  const certFile = file('server.crt');
  const keyFile = file('server.key');
  const request = file('server.csr');
  const extensions = file('server.ext');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256'];

  await run('openssl', [
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=sealslot test CA'],
    ...['-keyout', caKey, '-out', caFile],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  await run('openssl', ['req', ...newKey, '-subj', '/CN=localhost', '-keyout', keyFile, '-out', request]);
  await writeFile(extensions, SERVER_EXTENSIONS);
  await run('openssl', [
    ...['x509', '-req', '-in', request, '-CA', caFile, '-CAkey', caKey, '-CAcreateserial'],
    ...['-days', '2', '-sha256', '-extfile', extensions, '-out', certFile],
  ]);
  await Promise.all([caKey, request, extensions].map((path) => rm(path)));
  return { caPem: await readFile(caFile, 'utf8'), caFile, certFile, keyFile };
}
